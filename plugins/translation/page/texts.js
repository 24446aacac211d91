/** The texts of the page's part. */
export const TEXTS = {
  en: {
    translate: "Translate",
    original: "Show original",
    from: "Translated from {language} by {provider}",
    by: "Translated by {provider}",
    pending: "Translating …",
    translation: "Translation",
  },
  ja: {
    translate: "翻訳",
    original: "原文だけを表示",
    from: "{provider} による{language}からの翻訳",
    by: "{provider} による翻訳",
    pending: "翻訳しています…",
    translation: "翻訳",
  },
};
