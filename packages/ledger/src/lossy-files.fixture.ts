import { basename, dirname } from 'node:path';
import type { Files } from './files.ts';

/** A file, or a folder with the names that programs see, those on the disk, and what lies between the two. */
type Node = Uint8Array | Folder;
interface Folder {
  live: Map<string, Node>;
  durable: Map<string, Node>;
  pending: { name: string; node: Node | null }[];
}

/**
 * A file system in memory that may lose power at any step. Then of everything that was not flushed any part is
 * lost, name by name, in any order; the step under way happened, or did not, or half.
 */
export class LossyFiles implements Files {
  readonly #random: () => number;
  #root = emptyFolder();
  #stepsLeft = Number.POSITIVE_INFINITY;

  /** @param random gives numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Cuts the power after so many more steps. */
  cutPowerAfter(steps: number): void {
    this.#stepsLeft = steps;
  }

  get powerIsCut(): boolean {
    return this.#stepsLeft < 0;
  }

  /** What is found when the power is back. */
  restart(): void {
    this.#stepsLeft = Number.POSITIVE_INFINITY;
    this.#settle(this.#root);
  }

  /** Does one step; the last one may not happen, and the program never hears of it. */
  step(work: () => void): void {
    if (this.powerIsCut) throw new Error('there is no power');
    this.#stepsLeft--;
    if (!this.powerIsCut || this.#random() < 0.5) work();
    if (this.powerIsCut) throw new Error('the power is cut');
  }

  exists(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  async read(path: string): Promise<Uint8Array | null> {
    if (this.powerIsCut) throw new Error('there is no power');
    const node = this.#find(path);
    return node instanceof Uint8Array ? node.slice() : null;
  }

  async list(folder: string): Promise<string[]> {
    const node = this.#find(folder);
    return node && !(node instanceof Uint8Array) ? [...node.live.keys()] : [];
  }

  async writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    const half = bytes.slice(0, Math.floor(this.#random() * bytes.length));
    const file = new Uint8Array(bytes);
    this.step(() => this.#name(path, this.powerIsCut ? half : file));
  }

  async rename(from: string, to: string): Promise<void> {
    await Promise.resolve();
    this.step(() => {
      const node = this.#find(from);
      if (!node) throw new Error(`${from} is not there`);
      this.#name(from, null);
      this.#name(to, node);
    });
  }

  async makeFolder(folder: string): Promise<void> {
    if (this.exists(folder)) return;
    await this.makeFolder(dirname(folder));
    this.step(() => this.#name(folder, emptyFolder()));
  }

  async remove(path: string): Promise<void> {
    for (const name of await this.list(path)) await this.remove(`${path}/${name}`);
    if (this.exists(path)) this.step(() => this.#name(path, null));
  }

  async flushFolder(path: string): Promise<void> {
    await Promise.resolve();
    this.step(() => {
      const folder = this.#folder(path);
      for (const { name, node } of folder.pending.splice(0)) put(folder.durable, name, node);
    });
  }

  /** Applies any part of what was not flushed: of each name's changes the first few, maybe none, maybe all. */
  #settle(folder: Folder): void {
    const kept = new Map<string, number>();
    const changes = Map.groupBy(folder.pending.splice(0), ({ name }) => name);
    for (const [name, ofName] of changes) kept.set(name, Math.floor(this.#random() * (ofName.length + 1)));
    for (const [name, ofName] of changes) {
      for (const { node } of ofName.slice(0, kept.get(name))) put(folder.durable, name, node);
    }
    folder.live = new Map(folder.durable);
    for (const node of folder.live.values()) if (!(node instanceof Uint8Array)) this.#settle(node);
  }

  #name(path: string, node: Node | null): void {
    const folder = this.#folder(dirname(path));
    put(folder.live, basename(path), node);
    folder.pending.push({ name: basename(path), node });
  }

  #folder(path: string): Folder {
    const node = this.#find(path);
    if (!node || node instanceof Uint8Array) throw new Error(`there is no folder ${path}`);
    return node;
  }

  #find(path: string): Node | undefined {
    let at: Node | undefined = this.#root;
    for (const name of path.split('/').filter(Boolean)) {
      at = at instanceof Uint8Array ? undefined : at?.live.get(name);
    }
    return at;
  }
}

function emptyFolder(): Folder {
  return { live: new Map(), durable: new Map(), pending: [] };
}

function put(names: Map<string, Node>, name: string, node: Node | null): void {
  if (node) names.set(name, node);
  else names.delete(name);
}
