import { useEffect, useRef, useState } from 'react';

/** A file in memory; its text is null where it could not be read or is over the limit. */
export interface LoadedFile {
  name: string;
  bytes: number;
  text: string | null;
}

/** A bundle of a whole batch carries at most 4 MiB of rows; no honest file comes near this. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

export async function readFile(file: File): Promise<LoadedFile> {
  const text = file.size > MAX_FILE_BYTES ? null : await file.text().catch(() => null);
  return { name: file.name, bytes: file.size, text };
}

/** A file that was dropped on one page for another: it stays in memory and is never sent anywhere. */
let dropped: LoadedFile | null = null;

export function handOver(file: LoadedFile): void {
  dropped = file;
}

export function takeOver(): LoadedFile | null {
  const file = dropped;
  dropped = null;
  return file;
}

/**
 * Takes files dropped anywhere on the page, which a browser would otherwise open in its place.
 *
 * @returns whether something is being dragged over the page.
 */
export function useDroppedFiles(take: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const abort = new AbortController();
    const on = <K extends 'dragover' | 'dragleave' | 'drop'>(type: K, handle: (event: DragEvent) => void) =>
      window.addEventListener(type, handle, { signal: abort.signal });
    on('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      setOver(true);
    });
    on('dragleave', ({ relatedTarget }) => relatedTarget === null && setOver(false));
    on('drop', (event) => {
      if (!event.dataTransfer?.files.length) return;
      event.preventDefault();
      setOver(false);
      latest.current([...event.dataTransfer.files]);
    });
    return () => abort.abort();
  }, []);
  return over;
}
