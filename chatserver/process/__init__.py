"""This process and its data folder.

folders.py, store_note.py   the data folder and its lock; a note of the store that it holds
line_socket.py, own_command.py   a socket for commands of operators; the command of this process
running_config.py           a note of the configuration that a server runs with
version_note.py             a note of the version that used the data folder last
stopping.py, descriptors.py   signals and a time limit; the limit of open files
collector.py                keeps the looks of the garbage collector short
watchdog/                   names the code that blocks the event loop
"""
