"""Prometheus, Alertmanager, exporters and fakes of receivers, for tests that make alerts fire.

shortened.py  the shipped configuration with short windows
programs.py   the real programs as processes
receivers.py  fakes of Slack, PagerDuty, a mail server and a dead man's switch
plugins/      a plugin of chatserver that fails when it is told to
"""
