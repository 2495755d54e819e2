import { AssayError, excerpt } from '@assay/core';
import type { Detector } from '../detector.ts';

/** A detector with the code that it is, as far as somebody knows. */
export interface RegisteredDetector {
  detector: Detector;
  /** SHA-256 over the code that judged; null for detectors that come with Assay's own release. */
  digest: { sha256: string } | null;
}

export const MAX_REGISTERED = 256;

/**
 * The detectors that contracts may ask for, by name. Names are unique: two that claim one name would let a contract
 * be judged by whichever came last.
 *
 * @throws ARGUMENT_INVALID for what is no detector, a second one of a name, and more than {@link MAX_REGISTERED}.
 * @example
 * const registry = new DetectorRegistry([{ detector: custody, digest: null }, ...(await loadDetectors(['./detectors']))]);
 */
export class DetectorRegistry {
  readonly #byName = new Map<string, RegisteredDetector>();

  constructor(registered: readonly RegisteredDetector[]) {
    if (registered.length > MAX_REGISTERED) {
      refuse(`expected at most ${MAX_REGISTERED} detectors, got ${registered.length}`);
    }
    for (const entry of registered) {
      const detector = asDetector(entry.detector, 'a registered detector');
      if (this.#byName.has(detector.name)) {
        refuse(`expected detectors with names of their own, got ${detector.name} twice`);
      }
      this.#byName.set(detector.name, entry);
    }
  }

  /** @throws NOT_FOUND, naming those that there are. */
  get(name: string): RegisteredDetector {
    const found = this.#byName.get(name);
    if (found) return found;
    throw new AssayError('NOT_FOUND', `there is no detector ${excerpt(name)}`, {
      next: `ask for one of ${this.names().join(', ') || 'none'}, or load the file of a custom one`,
    });
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** In the order of the alphabet. */
  names(): string[] {
    return [...this.#byName.keys()].sort();
  }

  /** Name, version and code of each, for a verdict or a list. */
  describe(): { name: string; version: string; digest: string | null }[] {
    return this.names().map((name) => {
      const { detector, digest } = this.get(name);
      return { name, version: detector.version, digest: digest?.sha256 ?? null };
    });
  }
}

/**
 * Takes a value of unknown origin for a detector, by its shape.
 *
 * @param where what it came from, for the error.
 * @throws ARGUMENT_INVALID with what is missing.
 */
export function asDetector(value: unknown, where: string): Detector {
  if (typeof value !== 'object' || value === null) {
    return refuse(`${where}: expected a default export that is a detector, got ${typeof value}`);
  }
  const { name, version, readTerms, begin, examine } = value as Partial<Detector>;
  if (typeof name !== 'string' || !/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    refuse(`${where}: expected a name like battery_sag, got ${excerpt(String(name))}`);
  }
  if (typeof version !== 'string' || !/^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]{1,64})?$/.test(version)) {
    refuse(`${where}: expected a version like 1.0.0, got ${excerpt(String(version))}`);
  }
  for (const [method, member] of Object.entries({ readTerms, begin, examine })) {
    if (typeof member !== 'function') refuse(`${where}: expected the method ${method}, got ${typeof member}`);
  }
  return value as Detector;
}

function refuse(message: string): never {
  throw new AssayError('ARGUMENT_INVALID', message, {
    next: 'export one object with name, version, readTerms, begin and examine; docs/detectors.md shows one',
  });
}
