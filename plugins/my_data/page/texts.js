/** The texts of the page's part. */
export const TEXTS = {
  en: {
    title: "My data",
    titleOf: "Data",
    leadOf: "How much this server holds about this person. Only they get what it is.",
    lead: "What this server holds about you, and how much of it there is.",
    show: "Show what is held",
    part: "What",
    items: "Entries",
    size: "Size",
    exportLead: "You get everything as one ZIP file: a page to read, the same for programs, and your files. It is about you: keep it safe.",
    download: "Download my data",
    begun: "The download begins. It may take a while if you have written much.",
  },
  ja: {
    title: "自分のデータ",
    titleOf: "データ",
    leadOf: "このサーバーが保持しているこの人のデータの量です。内容を受け取れるのは本人だけです。",
    lead: "このサーバーが保持しているあなたのデータの種類と量です。",
    show: "保持しているデータを表示",
    part: "種類",
    items: "件数",
    size: "サイズ",
    exportLead: "すべてのデータを一つの ZIP ファイルで受け取れます。読むためのページ、プログラム向けのデータ、あなたのファイルが入っています。個人情報ですので、大切に保管してください。",
    download: "データをダウンロード",
    begun: "ダウンロードを開始します。書き込みが多い場合は、時間がかかることがあります。",
  },
};
