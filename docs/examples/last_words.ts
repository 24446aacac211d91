import { ChatError, connect, type Message } from "chatserver-client";

/** The last messages of a room, the newest first; none if the user may not read it. */
export async function lastWords(url: string, token: string, room: string): Promise<Message[]> {
  const chat = await connect({ url, token });
  try {
    const page = await chat.request("history", { room, limit: 10 });
    return page.messages.toReversed();
  } catch (error) {
    if (error instanceof ChatError && error.code === "room.not_found") return [];
    throw error;
  } finally {
    chat.close();
  }
}
