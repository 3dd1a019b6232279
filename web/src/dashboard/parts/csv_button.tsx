// Saves a table of figures as the service writes it in CSV.

import { useState } from "preact/hooks";
import { saveBlob } from "../../browser/downloads.ts";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { text } from "../../texts/texts.ts";
import { useDashboard } from "./context.ts";

interface CsvButtonProps {
  url: string;
  /** The name of the file, without its ending. */
  name: string;
  /** What the table is of: the button's name says it. */
  of: string;
}

export function CsvButton({ url, name, of }: CsvButtonProps) {
  const { api } = useDashboard();
  const [isBusy, setBusy] = useState(false);
  const save = async () => {
    setBusy(true);
    try {
      saveBlob(`${name}.csv`, await api.csv(url));
    } catch {
      showToast({ message: text("dashboard.csvFailed"), tone: "bad" });
    }
    setBusy(false);
  };
  return (
    <Button kind="quiet" disabled={isBusy} onClick={() => void save()}>
      <Icon name="download" />
      {text("dashboard.csv")} <span class="visually-hidden">{of}</span>
    </Button>
  );
}
