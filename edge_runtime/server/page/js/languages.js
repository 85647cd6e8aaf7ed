// The languages of the page. Another one is a catalogue in messages/ and a line here.

export const LANGUAGES = {
  en: "English",
  fr: "Français",
};

export const FALLBACK = "en";
