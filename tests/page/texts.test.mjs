import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import "../../static/elements/account-texts.js";
import { clientId, seqOf } from "../../static/lib/ids.js";
import { chooseLanguage, currentLanguage, directionOf, errorText, formatDay, formatTime, preferred, said, startLanguage, t } from "../../static/lib/i18n.js";
import { segments } from "../../static/lib/linkify.js";
import accountEn from "../../static/texts/account/en.js";
import accountJa from "../../static/texts/account/ja.js";
import commonEn from "../../static/texts/en.js";
import commonJa from "../../static/texts/ja.js";
import formattingEn from "../../static/texts/formatting/en.js";
import formattingJa from "../../static/texts/formatting/ja.js";
import helpEn from "../../static/texts/help/en.js";
import helpJa from "../../static/texts/help/ja.js";
import quietEn from "../../static/texts/quiet/en.js";
import quietJa from "../../static/texts/quiet/ja.js";
import roomEn from "../../static/texts/room/en.js";
import roomJa from "../../static/texts/room/ja.js";
import staffEn from "../../static/texts/staff/en.js";
import staffJa from "../../static/texts/staff/ja.js";
import laterEn from "../../static/texts/later/en.js";
import laterJa from "../../static/texts/later/ja.js";

const STATIC = new URL("../../static/", import.meta.url);
const en = { ...commonEn, ...accountEn, ...roomEn, ...staffEn, ...laterEn, ...formattingEn, ...helpEn, ...quietEn };
const ja = { ...commonJa, ...accountJa, ...roomJa, ...staffJa, ...laterJa, ...formattingJa, ...helpJa, ...quietJa };
const FORM = /\.(zero|one|two|few|many)$/; // of plurals, of which languages have different ones
const isForm = (texts, key) => FORM.test(key) && key.replace(FORM, "") in texts;
const own = (texts) => Object.keys(texts).filter((key) => !/^(error|why|step)\./.test(key) && !isForm(texts, key)).sort();

test("both languages have the same texts with the same places to fill in", () => {
  assert.deepEqual(own(ja), own(en));
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of own(en)) assert.deepEqual(places(ja[key]), places(en[key]), key);
});

test("every text that the code names exists, and none is left over", () => {
  const code = ["", "lib/", "elements/", "elements/settings/", "elements/settings/staff/"]
    .flatMap((folder) => readdirSync(new URL(folder, STATIC)).filter((name) => name.endsWith(".js")).map((name) => new URL(folder + name, STATIC)))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  for (const [, key] of code.matchAll(/\bt\("([\w.]+)"/g)) assert.ok(key in en, key);
  const built = /^(status\.\d|typing\.|sign(In|Up)\.|room\.(public|private|direct)|error\.|role\.|posting\.|appearance\.(?!lead)|admin\.store\.|setting\.(bounds|expected|group|locked|why)\.)/; // put together from parts
  for (const key of own(en)) assert.ok(built.test(key) || code.includes(`"${key}"`), `${key} is not used`);
});

test("the texts for staff are apart from those for everybody, and everybody's pages name none of them", () => {
  for (const key of Object.keys(staffEn)) assert.ok(!(key in commonEn), key);
  const code = ["", "lib/", "elements/", "elements/settings/"]
    .flatMap((folder) => readdirSync(new URL(folder, STATIC)).filter((name) => name.endsWith(".js")).map((name) => readFileSync(new URL(folder + name, STATIC), "utf8")))
    .join("\n");
  for (const key of Object.keys(staffEn)) assert.ok(!code.includes(`"${key}"`), key);
});

test("a number has its own form of the text where the language has one", async () => {
  await chooseLanguage("en");
  assert.equal(t("signOut.unsent", { count: 1 }), en["signOut.unsent.one"]);
  assert.match(t("signOut.unsent", { count: 2 }), /^2 messages have/);
  for (const [key, text] of Object.entries(en)) {
    if (/\{(count|number)\} \w+s\b/.test(text)) assert.ok(`${key}.one` in en, key);
  }
  await chooseLanguage("ja");
  assert.equal(t("signOut.unsent", { count: 1 }), t("signOut.unsent", { count: 7 }).replace("7", "1"));
  await chooseLanguage("en");
});

test("the language is the first that there are texts for", () => {
  assert.equal(preferred(["fr-FR", "ja-JP", "en"]), "ja");
  assert.equal(preferred(["fr"]), "en");
});

test("of two languages chosen at once the later one is spoken", async () => {
  await Promise.all([chooseLanguage("ja"), chooseLanguage("en")]);
  assert.equal(currentLanguage(), "en");
});

test("times and dates are written as in the reader's region", async () => {
  const at = new Date(2020, 1, 3, 6, 5);
  const plain = (text) => text.replace(/[\s,]+/g, " "); // versions of the Unicode data differ in spaces and commas
  const shown = async (wanted, chosen = wanted[0].slice(0, 2)) => {
    await startLanguage([chosen], wanted);
    return [plain(formatTime(at)), plain(formatDay(at))];
  };
  assert.deepEqual(await shown(["en-GB"]), ["06:05", "Mon 3 February 2020"]);
  assert.deepEqual(await shown(["fr", "en-US"], "en"), ["6:05 AM", "Mon February 3 2020"]);
  assert.deepEqual((await shown(["en-GB"], "ja"))[0], "6:05");
  assert.deepEqual((await shown(["en-US@posix"]))[0], "6:05 AM"); // not a language tag, and yet a browser's
  await startLanguage(["en"], []);
});

test("a refusal says why in the reader's language, by what the server says is wrong", async () => {
  await chooseLanguage("ja");
  const refused = (detail, code = "request.invalid") => errorText({ code, message: "In English.", detail });
  assert.equal(refused({ field: "password", reason: "short", least: 8 }), "パスワードは 8 文字以上で入力してください。");
  assert.equal(refused({ field: "name", reason: "similar" }, "user.exists"), ja["why.name.similar"]);
  assert.equal(refused({ field: "body", reason: "long", most: 8000 }, "limit.size"), "メッセージは 8000 文字以内で入力してください。");
  // A reason without a text of the page is shown in the server's words.
  assert.equal(refused({ field: "id" }), "リクエストが正しくありません。（In English.）");
  assert.equal(refused(undefined, "message.refused"), "メッセージは受け付けられませんでした。（In English.）");
  assert.equal(refused({ field: "constructor", reason: "name" }), "リクエストが正しくありません。（In English.）");
  assert.equal(errorText({ code: "request.invalid" }), "リクエストが正しくありません。");
  await chooseLanguage("en");
  assert.equal(refused({ field: "password", reason: "short", least: 8 }), "In English.");
});

test("what the server says beyond the meaning of a code is never left out", async () => {
  for (const tag of ["en", "ja"]) {
    await chooseLanguage(tag);
    for (const key of Object.keys(ja).filter((each) => each.startsWith("error.") && !/connection.lost|command.unknown/.test(each))) {
      const code = key.slice("error.".length);
      assert.ok(errorText({ code, message: "As it is night." }).includes("As it is night."), `${tag} ${code}`);
    }
  }
  await chooseLanguage("en");
});

test("a plugin's refusal by language is shown in the reader's", async () => {
  const refused = { code: "message.refused", message: "It is night.", detail: { plugin: "night", texts: { en: "It is night.", ja: "夜です。" } } };
  assert.equal(errorText(refused), "It is night.");
  await chooseLanguage("ja");
  assert.equal(errorText(refused), "夜です。");
  await chooseLanguage("en");
});

test("a text by language is shown in the reader's, else in English, else in any", async () => {
  await chooseLanguage("ja");
  assert.equal(said({ en: "Vote", ja: "投票" }), "投票");
  assert.equal(said({ fr: "Voter", en: "Vote" }), "Vote");
  assert.equal(said({ fr: "Voter" }), "Voter");
  assert.deepEqual([said("Vote"), said(undefined), said({})], ["Vote", "", ""]);
  await chooseLanguage("en");
});

test("names that every object has are no languages, and no texts", async () => {
  for (const odd of ["constructor", "__proto__", "toString", null]) {
    await startLanguage([odd], [odd ?? "x", "ja"]);
    assert.equal(currentLanguage(), "ja");
  }
  assert.equal(t("constructor"), "constructor");
  assert.equal(errorText({ code: "x", message: "No." }), "No.");
});

test("texts fill in names; errors fall back to what the server said", async () => {
  await chooseLanguage("ja");
  assert.equal(t("typing.one", { a: "健太" }), "健太 が入力中…");
  assert.equal(errorText({ code: "auth.invalid", message: en["error.auth.invalid"] }), ja["error.auth.invalid"]);
  assert.equal(errorText({ code: "connection.lost", message: "No answer." }), ja["error.connection.lost"]);
  assert.equal(errorText({ code: "plugin.special", message: "No." }), "No.");
});

test("addresses become links without the punctuation of the sentence", () => {
  assert.deepEqual(segments("See https://example.org/a?b=1. Or「https://example.org/日本」へ。"), [
    { text: "See " },
    { text: "https://example.org/a?b=1", href: "https://example.org/a?b=1" },
    { text: ". Or「" },
    { text: "https://example.org/日本", href: "https://example.org/日本" },
    { text: "」へ。" },
  ]);
  const addresses = (body) => segments(body).flatMap(({ href }) => href ?? []);
  assert.deepEqual(addresses("https://en.wikipedia.org/wiki/Foo_(bar)"), ["https://en.wikipedia.org/wiki/Foo_(bar)"]);
  assert.deepEqual(addresses("(as in https://example.org/Foo_(bar)), …"), ["https://example.org/Foo_(bar)"]);
  assert.deepEqual(addresses("(https://example.org/a). [https://example.org/b]"), ["https://example.org/a", "https://example.org/b"]);
  for (const harmless of ["javascript:alert(1)", "<b>bold</b>", "http://", "plain"]) {
    assert.deepEqual(segments(harmless), [{ text: harmless }]);
  }
});

test("client ids are UUIDs without crypto.randomUUID too", () => {
  const insecure = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.match(clientId(), form);
  assert.match(clientId(insecure), form);
  assert.notEqual(clientId(insecure), clientId(insecure));
});

test("a language says where its lines begin", () => {
  assert.equal(directionOf("en"), "ltr");
  assert.equal(directionOf("ja"), "ltr");
  assert.equal(directionOf("ar"), "rtl");
  assert.equal(directionOf("he"), "rtl");
});

test("the id of a message ends with its seq", () => {
  assert.equal(seqOf("01jdk3v9x2m4q8w6r5t7-17"), 17);
});
