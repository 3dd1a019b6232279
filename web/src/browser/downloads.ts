// Files that a page made or fetched, saved by the browser.

export function saveFile(name: string, content: string, type: string) {
  saveBlob(name, new Blob([content], { type }));
}

export function saveBlob(name: string, content: Blob) {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser reads it first
}
