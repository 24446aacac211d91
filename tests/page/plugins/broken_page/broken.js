export default function begin(page) {
  page.place("room.actions/v1", { id: "gone", label: "gone", icon: "M1 1", run() {} });
  throw new Error("broken on purpose");
}
