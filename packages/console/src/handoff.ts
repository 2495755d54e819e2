/** A file that was dropped on one page for another: it stays in memory and is never sent anywhere. */
let dropped: { name: string; text: string } | null = null;

export function handOver(file: { name: string; text: string }): void {
  dropped = file;
}

export function takeOver(): { name: string; text: string } | null {
  const file = dropped;
  dropped = null;
  return file;
}
