// Die Texte des Players auf Deutsch.

import type { PlayerCatalogue } from "./texts.ts";

export const de: PlayerCatalogue = {
  hours: { one: "{count} Stunde", other: "{count} Stunden" },
  minutes: { one: "{count} Minute", other: "{count} Minuten" },
  seconds: { one: "{count} Sekunde", other: "{count} Sekunden" },
  close: "Schließen",
  bar: {
    play: "Abspielen",
    pause: "Pause",
    playAgain: "Noch einmal abspielen",
    soundOn: "Ton an",
    soundOff: "Ton aus",
    volume: "Lautstärke",
    captions: "Untertitel",
    panel: "Transkript und Kapitel",
    pictureInPicture: "Bild-im-Bild",
    cast: "Auf einem anderen Gerät abspielen",
    fullScreen: "Vollbild",
    leaveFullScreen: "Vollbild beenden",
    settings: "Einstellungen",
    back: "10 Sekunden zurück",
    forward: "10 Sekunden vor",
  },
  timeline: {
    label: "Stelle im Video",
    at: "{place} von {length}",
    seen: "{share} gesehen",
    wasSeen: "gesehen",
  },
  flash: {
    back: "{count} s zurück",
    forward: "{count} s vor",
    volume: "Lautstärke {share}",
    noCaptions: "Keine Untertitel",
    captionsOn: "Untertitel an",
    captionsOff: "Untertitel aus",
  },
  settings: {
    speed: "Geschwindigkeit",
    quality: "Qualität",
    captions: "Untertitel",
    captionSize: "Größe der Untertitel",
    captionGround: "Hintergrund der Untertitel",
    download: "Herunterladen",
    backFrom: "Zurück von „{name}“",
    normalSpeed: "Normal",
    automatic: "Automatisch",
    now: "jetzt {quality}",
    save: "Daten sparen",
    listen: "Nur hören",
    off: "Aus",
    captionSizes: { small: "Klein", medium: "Mittel", large: "Groß" },
    captionGrounds: { shaded: "Abgedunkelt", solid: "Deckend", none: "Ohne" },
  },
  keys: {
    title: "Tasten",
    names: {
      space: "Leertaste, k",
      digits: "0 bis 9",
      ends: "Pos1 Ende",
    },
    toggle: "Abspielen oder anhalten",
    shortJump: "5 Sekunden zurück, vor",
    longJump: "10 Sekunden zurück, vor",
    volume: "Lauter, leiser",
    mute: "Ton aus oder an",
    speed: "Langsamer, schneller",
    tenth: "Zu diesem Zehntel des Videos springen",
    ends: "Zum Anfang, zum Ende springen",
    captions: "Untertitel an oder aus",
    panel: "Transkript und Kapitel",
    fullScreen: "Vollbild",
    help: "Diese Tasten",
  },
  panel: {
    label: "Transkript und Kapitel",
    close: "Seitenleiste schließen",
    search: "Suchen",
    searchLabel: "Im Transkript suchen",
    transcript: "Transkript",
    chapters: "Kapitel",
    nothingFound: "Nichts gefunden.",
    nothing: "Dieses Video hat weder Transkript noch Kapitel.",
  },
  messages: {
    dismiss: "Ausblenden",
    listening: "Nur Ton",
    lost: "Die Verbindung zum Server ist unterbrochen. Sobald sie wieder steht, geht es weiter.",
    kept: "Keine Verbindung: Sie sehen die Kopie auf diesem Gerät.",
    signedOut:
      "Ihre Anmeldung ist abgelaufen: Melden Sie sich erneut an, um Ihren Stand zu speichern.",
    unsaved: "Ihr Stand wird gespeichert, sobald der Server wieder erreichbar ist.",
    leftOff: "Sie haben anderswo bei {time} aufgehört.",
    elsewhere: "In einem anderen Tab oder auf einem anderen Gerät sind Sie bei {time}.",
    continueFrom: "Weiter ab {time}",
    removed: "Von diesem Gerät entfernt, weil das Aufbewahren nicht mehr erlaubt ist: {titles}.",
    title: "„{title}“",
    ok: "OK",
    tryAgain: "Erneut versuchen",
    signIn: "Erneut anmelden",
    next: "Nächste Lektion",
    goOn: "Weiter",
    watchAgain: "Noch einmal ansehen",
  },
  stalls: {
    offline: "Dieses Gerät ist offline: Sobald es verbunden ist, geht es weiter.",
    tooMany:
      "Es wird zu viel auf einmal abgerufen: Schließen Sie andere Videofenster dieses Kurses.",
    busyServer: "Der Server ist gerade ausgelastet: Es geht von selbst weiter.",
    busyDevice:
      "Dieses Gerät ist für diese Qualität zu ausgelastet: Eine niedrigere hilft, oder weniger Programme.",
    slowLine:
      "Die Leitung schafft {line} Mbit/s, diese Qualität braucht {needed} Mbit/s: Eine niedrigere hilft.",
    slow: "Das Video kommt langsamer an, als es läuft: Die Leitung oder der Server ist gerade langsam.",
  },
  downloads: {
    title: "Herunterladen",
    promise:
      "Ein Download gilt für diesen Browser auf diesem Gerät und ist ein Versprechen, das diese App hält:" +
      " Er ist kein Kopierschutz (kein DRM). Er endet an seinem Datum oder mit Ihrem Zugang, sobald dieses" +
      " Gerät online ist.",
    elsewhere:
      "Lektionen werden auf der Website des Kurses gespeichert; dort lassen sie sich ohne Verbindung öffnen.",
    openThere: "Dort öffnen",
    onDevice: "Auf diesem Gerät",
    waiting: "Der Server antwortet nicht. Es geht von selbst weiter.",
    paused: "Angehalten",
    running: "Wird heruntergeladen …",
    pause: "Anhalten",
    resume: "Fortsetzen",
    cancel: "Abbrechen",
    remove: "Entfernen",
    removeThing: "{title} entfernen",
    quality: "Qualität",
    start: "Herunterladen",
    soundAlone: "Nur Ton",
    facts: "{size}, bis {day}",
    amount: "{done} von {all}",
    room: "{used} belegt, Platz für {free}.",
    until: "Auf diesem Gerät gespeichert bis {day}. Das Video läuft ohne Verbindung.",
  },
  problems: {
    "invalid-token": {
      sentence: "Ihre Anmeldung ist abgelaufen.",
      advice: "Gehen Sie zurück zu Ihrer Kursseite und öffnen Sie die Lektion von dort.",
    },
    "not-enrolled": {
      sentence: "Sie sind in diesen Kurs nicht mehr eingeschrieben oder waren es nie.",
      advice: "Fragen Sie Ihre Lehrkraft oder den Support Ihrer Kursseite.",
    },
    "not-allowed": {
      sentence: "Ihre Rolle in diesem Kurs erlaubt das nicht.",
      advice: "Fragen Sie Ihre Lehrkraft oder den Support Ihrer Kursseite.",
    },
    "not-found": {
      sentence: "Hier ist kein Video, oder es wurde gelöscht.",
      advice: "Gehen Sie zurück zu Ihrer Kursseite und öffnen Sie die Lektion von dort.",
    },
    "not-ready": {
      sentence: "Dieses Video wird noch vorbereitet.",
      advice: "Es beginnt hier, sobald es bereit ist.",
    },
    failed: {
      sentence: "Dieses Video konnte nicht vorbereitet werden.",
      advice: "Ihre Lehrkraft muss es erneut hochladen.",
    },
    "cannot-play": {
      sentence: "Dieser Browser kann dieses Video nicht abspielen.",
      advice: "Versuchen Sie es mit einem anderen Browser oder aktualisieren Sie diesen.",
    },
    "rate-limited": {
      sentence: "Sie haben zu viele Videos geöffnet oder zu oft angefragt.",
      advice: "Schließen Sie andere Videofenster dieses Kurses und versuchen Sie es dann erneut.",
    },
    unavailable: {
      sentence: "Der Dienst ist gerade nicht verfügbar.",
      advice: "Versuchen Sie es gleich noch einmal.",
    },
    internal: {
      sentence: "Im Dienst ist ein Fehler aufgetreten.",
      advice:
        "Versuchen Sie es gleich noch einmal. Wenn es wieder geschieht, wenden Sie sich an die Kursleitung.",
    },
    "invalid-request": {
      sentence: "Der Dienst hat diesen Player nicht verstanden.",
      advice:
        "Laden Sie die Seite neu. Wenn es wieder geschieht, wenden Sie sich an die Kursleitung.",
    },
    "method-not-allowed": {
      sentence: "Der Dienst hat diesen Player nicht verstanden.",
      advice:
        "Laden Sie die Seite neu. Wenn es wieder geschieht, wenden Sie sich an die Kursleitung.",
    },
    "not-acceptable": {
      sentence: "Für diesen Browser gibt es kein Format dieses Videos.",
      advice: "Versuchen Sie es mit einem anderen Browser oder aktualisieren Sie diesen.",
    },
    "module-elsewhere": {
      sentence: "Diese Lektion gehört zu einem anderen Kurs.",
      advice: "Gehen Sie zurück zu Ihrer Kursseite und öffnen Sie die Lektion von dort.",
    },
    "order-mismatch": {
      sentence: "Inzwischen ist etwas hinzugekommen oder entfernt worden.",
      advice: "Laden Sie die Seite neu, um den jetzigen Stand zu sehen.",
    },
    "precondition-failed": {
      sentence: "Jemand anderes hat das inzwischen geändert.",
      advice: "Laden Sie die Seite neu, um den jetzigen Stand zu sehen.",
    },
    "range-not-satisfiable": {
      sentence: "Das Video hat sich während des Abspielens geändert.",
      advice: "Starten Sie es erneut.",
    },
    "offset-mismatch": {
      sentence: "Das Hochladen geht an einer anderen Stelle weiter.",
      advice: "Versuchen Sie es gleich noch einmal.",
    },
    "checksum-mismatch": {
      sentence: "Bei der Übertragung wurden Daten beschädigt.",
      advice: "Versuchen Sie es gleich noch einmal.",
    },
    locked: {
      sentence: "Das wird gerade von jemandem benutzt.",
      advice: "Versuchen Sie es gleich noch einmal.",
    },
    empty: {
      sentence: "Die Datei ist leer.",
      advice: "Ihre Lehrkraft muss eine andere Datei hochladen.",
    },
    "too-large": {
      sentence: "Die Datei ist zu groß.",
      advice: "Ihre Lehrkraft muss eine andere Datei hochladen.",
    },
    "over-quota": {
      sentence: "Für diese Datei ist kein Platz mehr.",
      advice: "Wenn es wieder geschieht, wenden Sie sich an die Kursleitung.",
    },
    "unsupported-format": {
      sentence: "Dateien dieses Formats werden nicht angenommen.",
      advice: "Ihre Lehrkraft muss eine andere Datei hochladen.",
    },
    undecodable: {
      sentence: "Die Datei ist beschädigt.",
      advice: "Ihre Lehrkraft muss sie erneut hochladen.",
    },
    "no-video": {
      sentence: "Die Datei enthält kein Video.",
      advice: "Ihre Lehrkraft muss eine andere Datei hochladen.",
    },
    "too-complex": {
      sentence: "Die Datei ist größer oder länger als erlaubt.",
      advice: "Ihre Lehrkraft muss eine andere Datei hochladen.",
    },
    "licence-refused": {
      sentence: "Dieses Video darf nicht mehr offline abgespielt werden.",
      advice: "Stellen Sie eine Internetverbindung her und öffnen Sie es erneut.",
    },
    "no-licence": {
      sentence: "Die Lizenz dieses Downloads lässt sich hier nicht prüfen.",
      advice: "Aktualisieren Sie diesen Browser und stellen Sie die Uhr dieses Geräts.",
    },
    "no-room": {
      sentence: "Auf diesem Gerät ist nicht genug Platz.",
      advice: "Entfernen Sie andere Downloads oder wählen Sie eine niedrigere Qualität.",
    },
    "too-few": {
      sentence: "Für eine Auswertung haben das noch zu wenige Personen angesehen.",
      advice: "Schauen Sie später wieder nach.",
    },
  },
  trouble: {
    noConnection: "Der Server ist nicht erreichbar.",
    noConnectionAdvice: "Prüfen Sie Ihre Verbindung. Sobald sie wieder steht, geht es weiter.",
    answered: "Der Server hat mit {status} geantwortet.",
    again: "Versuchen Sie es gleich noch einmal.",
    toSite: "Gehen Sie zurück zu Ihrer Kursseite und öffnen Sie die Lektion von dort.",
    reference: "(Referenz: {reference})",
  },
};
