/** A picture as the server takes it. */

const SIDE_PX = 512;
const SMALL_PX = 128; // of one that is made smaller: twice the size at which a dense screen shows it

/** The picture in base64, made smaller if it has to be and does not move; null if it stays too large. */
export async function fitting(file, largest) {
  const picture = await createImageBitmap(file).catch(() => null); // what the browser cannot show, the server refuses
  const fits = file.size <= largest && (!picture || Math.max(picture.width, picture.height) <= SIDE_PX);
  if (fits) return encoded(file);
  if (!picture || file.type === "image/gif") return null;
  const scale = SMALL_PX / Math.max(picture.width, picture.height, SMALL_PX);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  const smaller = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return smaller && smaller.size <= largest ? encoded(smaller) : null;
}

function encoded(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result).split(",")[1] ?? ""));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });
}
