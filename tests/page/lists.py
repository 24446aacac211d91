"""What tests of the list of messages look at."""

from playwright.sync_api import Page

# Scrolls from the beginning of what is loaded to its end, and collects the texts in the order in which they stand.
_WALK = """async () => {
  const scroller = document.querySelector("[data-testid=scroller]");
  const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const seen = [];
  const known = new Set();
  const take = () => {
    for (const node of document.querySelectorAll("message-list article[data-testid=message]")) {
      if (node.classList.contains("apart") || known.has(node.dataset.key)) continue;
      known.add(node.dataset.key);
      seen.push(node.querySelector(".message-body").textContent);
    }
  };
  const isBusy = () => document.querySelector("message-list .messages").ariaBusy === "true";
  for (let still = 0; still < 20;) {
    scroller.scrollTop = 0;
    await frame();
    still = scroller.scrollTop === 0 && !isBusy() ? still + 1 : 0;
  }
  for (let still = 0; still < 5;) {
    take();
    const before = scroller.scrollTop;
    scroller.scrollTop += scroller.clientHeight / 2;
    await frame();
    still = scroller.scrollTop === before && !isBusy() ? still + 1 : 0;
  }
  take();
  return seen;
}"""


def walked(page: Page) -> list[str]:
    """All texts of the room, from its first message to its last, as somebody sees them who scrolls through."""
    texts: list[str] = page.evaluate(_WALK)
    return texts


def rows(page: Page) -> int:
    """Number of rows in the document."""
    count: int = page.evaluate("document.querySelector('message-list .messages').childElementCount")
    return count


def top_of(page: Page, text: str) -> float:
    """px from the upper edge of the list to the message with this text, which is in the document."""
    top: float = page.evaluate(
        """(text) => {
          const bodies = [...document.querySelectorAll("message-list .message-body")];
          const edge = document.querySelector("[data-testid=scroller]").getBoundingClientRect().top;
          return bodies.find((node) => node.textContent === text).getBoundingClientRect().top - edge;
        }""",
        text,
    )
    return top
