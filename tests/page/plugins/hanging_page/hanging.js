await new Promise(() => {}); // for ever

export default function begin() {}
