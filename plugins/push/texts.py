"""What notices say in the reader's language."""

from chatserver import in_language

IN_ROOM = {"en": "{author} in {room}", "ja": "{author}（{room}）"}
HIDDEN = {"en": "A new message", "ja": "新しいメッセージがあります"}
NO_TEXT = {"en": "A message without a text", "ja": "本文のないメッセージ"}


def title_in_room(author: str, room: str, language: str) -> str:
    return in_language(IN_ROOM, language).format(author=author, room=room)


def stand_in(language: str, *, hidden: bool) -> str:
    """What stands where the text would."""
    return in_language(HIDDEN if hidden else NO_TEXT, language)
