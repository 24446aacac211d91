"""Emoji by the names that other chats have for them: their own where they have one, else that of Unicode."""

import re
import unicodedata

from chatserver.errors import ChatError
from chatserver.service.texts import clean_status_emoji

NAME_CHARS = 30  # with its colons a name has the 32 characters of a reaction
_TONES = {f"skin-tone-{number}": chr(0x1F3FB + number - 2) for number in range(2, 7)}
_CODE = re.compile(r"(?<![\w:/]):([A-Za-z0-9_+'-]{1,60})(?:::(skin-tone-[2-6]))?:(?![\w/])")
_SKIN = re.compile(
    "[\U0001f466-\U0001f487\U0001f44a-\U0001f450\U0001f590-\U0001f64f\U0001f90c-\U0001f91f☝✊-✍]"
)

# Names that are not Unicode's own; a name that stands there with FACE, SIGN or SYMBOL behind it is found without.
_NAMES = {
    name: emoji
    for emoji, names in (
        ("👍", "+1 thumbsup thumbs_up"),
        ("👎", "-1 thumbsdown thumbs_down"),
        ("😄", "smile"),
        ("😃", "smiley"),
        ("😀", "grinning"),
        ("😁", "grin"),
        ("😆", "laughing satisfied"),
        ("😅", "sweat_smile"),
        ("😂", "joy"),
        ("🤣", "rofl rolling_on_the_floor_laughing"),
        ("🙂", "slightly_smiling_face slight_smile"),
        ("🙃", "upside_down_face upside_down"),
        ("😉", "wink"),
        ("😊", "blush"),
        ("😇", "innocent"),
        ("🥰", "smiling_face_with_3_hearts smiling_face_with_three_hearts"),
        ("😍", "heart_eyes"),
        ("🤩", "star-struck star_struck"),
        ("😘", "kissing_heart"),
        ("😗", "kissing"),
        ("😚", "kissing_closed_eyes"),
        ("😋", "yum"),
        ("😛", "stuck_out_tongue"),
        ("😜", "stuck_out_tongue_winking_eye"),
        ("😝", "stuck_out_tongue_closed_eyes"),
        ("🤑", "money_mouth_face"),
        ("🤗", "hugs hugging_face hugging"),
        ("🤔", "thinking thinking_face"),
        ("🤐", "zipper_mouth_face"),
        ("🤨", "face_with_raised_eyebrow raised_eyebrow"),
        ("😐", "neutral_face"),
        ("😑", "expressionless"),
        ("😶", "no_mouth"),
        ("😏", "smirk"),
        ("😒", "unamused"),
        ("🙄", "face_with_rolling_eyes roll_eyes rolling_eyes"),
        ("😬", "grimacing"),
        ("😌", "relieved"),
        ("😔", "pensive"),
        ("😪", "sleepy"),
        ("😴", "sleeping"),
        ("😷", "mask"),
        ("🤒", "face_with_thermometer"),
        ("🤕", "face_with_head_bandage"),
        ("🤯", "exploding_head"),
        ("🤠", "face_with_cowboy_hat cowboy_hat_face cowboy"),
        ("🥳", "partying_face tada_face"),
        ("😎", "sunglasses"),
        ("🤓", "nerd_face nerd"),
        ("🧐", "face_with_monocle monocle_face"),
        ("😕", "confused"),
        ("😟", "worried"),
        ("🙁", "slightly_frowning_face slight_frown"),
        ("😮", "open_mouth"),
        ("😯", "hushed"),
        ("😲", "astonished"),
        ("😳", "flushed"),
        ("🥺", "pleading_face pleading"),
        ("😦", "frowning"),
        ("😧", "anguished"),
        ("😨", "fearful"),
        ("😰", "cold_sweat"),
        ("😥", "disappointed_relieved"),
        ("😢", "cry"),
        ("😭", "sob"),
        ("😱", "scream"),
        ("😖", "confounded"),
        ("😣", "persevere"),
        ("😞", "disappointed"),
        ("😓", "sweat"),
        ("😩", "weary"),
        ("😫", "tired_face"),
        ("😤", "triumph"),
        ("😡", "rage"),
        ("😠", "angry"),
        ("🤬", "face_with_symbols_on_mouth"),
        ("😈", "smiling_imp"),
        ("💩", "poop hankey shit"),
        ("🤡", "clown_face clown"),
        ("👻", "ghost"),
        ("👽", "alien"),
        ("🤖", "robot_face robot"),
        ("💥", "boom collision"),
        ("💫", "dizzy"),
        ("💦", "sweat_drops"),
        ("💨", "dash"),
        ("👋", "wave"),
        ("🤚", "raised_back_of_hand"),
        ("✋", "hand raised_hand"),
        ("🖖", "spock-hand vulcan_salute"),
        ("👌", "ok_hand"),
        ("✌️", "v victory_hand"),
        ("🤞", "crossed_fingers fingers_crossed"),
        ("🤘", "the_horns metal"),
        ("🤙", "call_me_hand"),
        ("👈", "point_left"),
        ("👉", "point_right"),
        ("👆", "point_up_2"),
        ("👇", "point_down"),
        ("☝️", "point_up"),
        ("✊", "fist raised_fist fist_raised"),
        ("👊", "facepunch punch fist_oncoming"),
        ("🤛", "left-facing_fist fist_left"),
        ("🤜", "right-facing_fist fist_right"),
        ("👏", "clap clapping_hands clapping"),
        ("🙌", "raised_hands"),
        ("👐", "open_hands"),
        ("🙏", "pray"),
        ("💪", "muscle"),
        ("🙇", "bow"),
        ("🤷", "shrug"),
        ("🤦", "face_palm facepalm"),
        ("💁", "information_desk_person tipping_hand_person"),
        ("🙋", "raising_hand"),
        ("🏃", "runner running"),
        ("💃", "dancer"),
        ("❤️", "heart"),
        ("🧡", "orange_heart"),
        ("💔", "broken_heart"),
        ("💯", "100 hundred_points"),
        ("🐶", "dog"),
        ("🐱", "cat"),
        ("🦄", "unicorn_face unicorn"),
        ("🐛", "bug"),
        ("🐝", "bee honeybee"),
        ("🙈", "see_no_evil"),
        ("🙉", "hear_no_evil"),
        ("🙊", "speak_no_evil"),
        ("🐔", "chicken"),
        ("🐧", "penguin"),
        ("🌸", "cherry_blossom"),
        ("🌲", "evergreen_tree"),
        ("🌴", "palm_tree"),
        ("🌔", "moon waxing_gibbous_moon"),
        ("☀️", "sunny"),
        ("🌞", "sun_with_face"),
        ("⭐", "star"),
        ("🌟", "star2 glowing_star"),
        ("✨", "sparkles"),
        ("⚡", "zap"),
        ("🔥", "fire"),
        ("❄️", "snowflake"),
        ("☔", "umbrella_with_rain_drops"),
        ("🍎", "apple"),
        ("🍙", "onigiri rice_ball"),
        ("🍣", "sushi"),
        ("🍕", "pizza"),
        ("🍔", "hamburger"),
        ("☕", "coffee"),
        ("🍺", "beer"),
        ("🍻", "beers"),
        ("🍷", "wine_glass"),
        ("🥂", "champagne_glass clinking_glasses"),
        ("🎂", "birthday"),
        ("🍰", "cake"),
        ("🎉", "tada party_popper"),
        ("🎊", "confetti_ball"),
        ("🎁", "gift"),
        ("🏆", "trophy"),
        ("🏁", "checkered_flag"),
        ("⚽", "soccer"),
        ("🚗", "car red_car"),
        ("✈️", "airplane"),
        ("⏰", "alarm_clock"),
        ("⏳", "hourglass_flowing_sand"),
        ("💡", "bulb light_bulb"),
        ("💻", "computer"),
        ("📱", "iphone mobile_phone"),
        ("☎️", "phone telephone"),
        ("🔧", "wrench"),
        ("🔨", "hammer"),
        ("⚙️", "gear"),
        ("🔗", "link"),
        ("📎", "paperclip"),
        ("📌", "pushpin"),
        ("📝", "memo pencil"),
        ("✏️", "pencil2"),
        ("📅", "date"),
        ("📆", "calendar"),
        ("📈", "chart_with_upwards_trend"),
        ("📉", "chart_with_downwards_trend"),
        ("📊", "bar_chart"),
        ("📧", "email e-mail"),
        ("✉️", "envelope"),
        ("📢", "loudspeaker"),
        ("📣", "mega megaphone"),
        ("🔔", "bell"),
        ("🔒", "lock"),
        ("🔓", "unlock"),
        ("🔑", "key"),
        ("🔍", "mag magnifying_glass_tilted_left"),
        ("💰", "moneybag"),
        ("💬", "speech_balloon"),
        ("💭", "thought_balloon"),
        ("💤", "zzz"),
        ("✅", "white_check_mark check_mark_button check"),
        ("☑️", "ballot_box_with_check check_box"),
        ("✔️", "heavy_check_mark check_mark"),
        ("❌", "x cross_mark"),
        ("❎", "negative_squared_cross_mark"),
        ("❗", "exclamation heavy_exclamation_mark"),
        ("❓", "question"),
        ("⁉️", "interrobang"),
        ("‼️", "bangbang"),
        ("⚠️", "warning"),
        ("⛔", "no_entry"),
        ("🚫", "no_entry_sign prohibited"),
        ("♻️", "recycle"),
        ("➕", "heavy_plus_sign plus"),
        ("➖", "heavy_minus_sign minus"),
        ("➡️", "arrow_right"),
        ("⬅️", "arrow_left"),
        ("⬆️", "arrow_up"),
        ("⬇️", "arrow_down"),
        ("🔴", "red_circle"),
        ("🟢", "large_green_circle green_circle"),
        ("🟡", "large_yellow_circle yellow_circle"),
        ("🔵", "large_blue_circle blue_circle"),
        ("⚪", "white_circle"),
        ("⚫", "black_circle"),
        ("🆗", "ok"),
        ("🆕", "new"),
        ("🆒", "cool"),
        ("🔝", "top"),
        ("🚀", "rocket"),
        ("🚨", "rotating_light"),
        ("🚧", "construction"),
        ("🌈", "rainbow"),
        ("🌹", "rose"),
        ("🏳️‍🌈", "rainbow-flag rainbow_flag"),
        ("👀", "eyes"),
        ("🧠", "brain"),
        ("🗑️", "wastebasket"),
        ("🎯", "dart direct_hit"),
        ("🥇", "first_place_medal"),
        ("🫡", "saluting_face"),
        ("🫠", "melting_face"),
    )
    for name in names.split()
}
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_NAMES |= {name: f"{number}\ufe0f\u20e3" for number, name in enumerate(_NUMBERS)}
_NAMES |= {
    f"flag-{a}{b}": chr(0x1F1E6 + ord(a) - 97) + chr(0x1F1E6 + ord(b) - 97)
    for a in "abcdefghijklmnopqrstuvwxyz"
    for b in "abcdefghijklmnopqrstuvwxyz"
}
_BEHIND = ("", " FACE", " SIGN", " SYMBOL")


def character(name: str) -> str | None:
    """The emoji of a name without colons, such as `thumbsup` or `wave::skin-tone-3`; None if none is known."""
    base, _, tone = name.strip(":").casefold().partition("::")
    found = _NAMES.get(base) or _of_unicode(base)
    if found is None or tone not in _TONES or not _SKIN.match(found):
        return found
    return found.rstrip("\ufe0f") + _TONES[tone]


def reaction(name: str) -> str:
    """The text of a reaction of this name: the emoji, or `:name:`."""
    return character(name) or f":{name.strip(':').partition('::')[0][:NAME_CHARS].casefold()}:"


def of_code(code: str) -> str | None:
    """The emoji of code points in hexadecimal, such as `1f1ef-1f1f5`."""
    try:
        return "".join(chr(int(each, 16)) for each in code.split("-"))
    except (ValueError, OverflowError):
        return None


def replaced(text: str) -> str:
    """A text with the emoji whose names stand between colons in it; unknown names stay."""

    def one(match: re.Match[str]) -> str:
        found = character(f"{match[1]}::{match[2]}" if match[2] else match[1])
        return found or match[0]

    return _CODE.sub(one, text) if ":" in text else text


def _of_unicode(name: str) -> str | None:
    words = name.replace("_", " ").replace("-", " ").upper()
    for behind in _BEHIND:
        try:
            return clean_status_emoji(unicodedata.lookup(words + behind)) or None
        except (KeyError, ChatError):
            """No character has this name, or it is none that is shown as a picture."""
    return None
