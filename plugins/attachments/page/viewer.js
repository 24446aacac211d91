/** The pictures of a message, each as large as the window. Arrow keys go on, Escape closes. */

import { load, PICTURES } from "./files.js";

const TEXTS = {
  en: { "viewer.picture": "Picture {number} of {count}", "viewer.next": "Next picture", "viewer.previous": "Previous picture", "viewer.original": "Open the file", "viewer.download": "Download", "viewer.close": "Close" },
  ja: { "viewer.picture": "画像 {number} / {count}", "viewer.next": "次の画像", "viewer.previous": "前の画像", "viewer.original": "ファイルを開く", "viewer.download": "ダウンロード", "viewer.close": "閉じる" },
};
const DIALOG = { boxSizing: "border-box", width: "100vw", height: "100dvh", maxWidth: "none", maxHeight: "none", padding: "0", border: "0", margin: "0", background: "rgb(0 0 0 / 88%)", color: "#fff" };
const COLUMN = { display: "grid", boxSizing: "border-box", height: "100%", padding: "8px", gap: "8px", gridTemplateRows: "auto minmax(0, 1fr) auto" };
const BAR = { display: "flex", flexWrap: "wrap", alignItems: "center", gap: "4px 12px" };
const IMAGE = { maxWidth: "100%", maxHeight: "100%", placeSelf: "center", objectFit: "contain" };
const CAPTION = { maxHeight: "20dvh", margin: "0", overflowY: "auto", overflowWrap: "anywhere", textAlign: "center", whiteSpace: "pre-line" };
const LINK = { display: "inline-grid", alignItems: "center" };
const BUTTON = { minHeight: "44px", padding: "0 12px", border: "1px solid rgb(255 255 255 / 60%)", borderRadius: "8px", background: "none", color: "inherit", font: "inherit", textDecoration: "none" };
let hasTexts = false;

/** Shows `file`, and the other pictures among `files`. */
export function view(page, files, file) {
  const pictures = files.filter(({ media_type: kind = "" }) => PICTURES.test(kind));
  if (!hasTexts) page.texts(TEXTS);
  hasTexts = true;
  const image = styled("img", IMAGE, { alt: "" });
  const title = styled("p", { flex: "1", minWidth: "8em", margin: "0", overflowWrap: "anywhere" }, { ariaLive: "polite", dir: "auto" });
  const caption = styled("p", CAPTION, { dir: "auto", tabIndex: 0 }); // a long one scrolls
  const original = styled("a", { ...BUTTON, ...LINK }, { target: "_blank", rel: "noopener", textContent: page.t("viewer.original") });
  const download = styled("a", { ...BUTTON, ...LINK }, { textContent: page.t("viewer.download") });
  const previous = button(page.t("viewer.previous"), () => go(-1));
  const next = button(page.t("viewer.next"), () => go(1));
  const close = button(page.t("viewer.close"), () => dialog.close());
  const bar = styled("div", BAR);
  bar.append(title, ...(pictures.length > 1 ? [previous, next] : []), original, download, close);
  const column = styled("div", COLUMN);
  column.append(bar, image, caption);
  const dialog = styled("dialog", DIALOG, { className: "viewer" });
  dialog.append(column);
  let at = pictures.indexOf(file);

  function go(by) {
    at = (at + by + pictures.length) % pictures.length;
    draw();
  }

  function draw() {
    const { name = "", alt = "", href, sources, width, media_type: kind } = pictures[at];
    image.alt = alt || name;
    // Of a photograph as much as the window shows; of others, which may move, the file itself.
    load(image, href, kind === "image/jpeg" && sources.length ? [...sources, `${href} ${width}w`] : [], "100vw");
    original.href = download.href = href;
    download.download = name;
    caption.textContent = alt;
    caption.hidden = !alt;
    const place = pictures.length > 1 ? page.t("viewer.picture", { number: at + 1, count: pictures.length }) : "";
    title.textContent = [name, place].filter(Boolean).join(" · ");
    dialog.ariaLabel = title.textContent || page.t("viewer.original");
  }

  dialog.onkeydown = (event) => {
    if (pictures.length < 2 || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    const isForward = (event.key === "ArrowRight") === (getComputedStyle(dialog).direction === "ltr");
    go(isForward ? 1 : -1);
  };
  image.onclick = () => dialog.close();
  column.onclick = ({ target }) => {
    if (target === column) dialog.close(); // without a value: false would keep links from being followed
  };
  dialog.onclose = () => dialog.remove();
  draw();
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}

function styled(tag, style, properties = {}) {
  const node = Object.assign(document.createElement(tag), properties);
  Object.assign(node.style, style);
  return node;
}

function button(textContent, onclick) {
  return styled("button", BUTTON, { type: "button", textContent, onclick });
}
