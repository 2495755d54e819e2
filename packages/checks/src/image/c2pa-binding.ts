import { createRequire } from 'node:module';

/** Reads a file's C2PA manifest store and validates it. */
export interface ManifestReader {
  /**
   * @param settings c2pa-rs settings in JSON.
   * @returns the manifest store in JSON, or undefined when the file carries none.
   * @throws Error with the library's message when the file or its manifests cannot be read.
   */
  read(bytes: Uint8Array, mediaType: string, settings: string): Promise<string | undefined>;
}

interface NativeBinding {
  readerFromAsset(asset: { buffer: Buffer; mimeType: string }, settings: string): Promise<object | null>;
  readerJson: (this: object) => string;
}

/**
 * Loads c2pa-rs as @contentauth/c2pa-node ships it: `dist/index.node` in its npm tarball is built for Linux on x64.
 * Its install script would replace the file with one for other platforms, downloaded from its releases; where that
 * has not been done, the reason is returned instead. The package's own JavaScript and its dependencies are not loaded.
 *
 * @param libraryPath a binding for this platform, in place of the package's.
 */
export function openManifestReader(libraryPath?: string): ManifestReader | { unavailable: string } {
  const require = createRequire(import.meta.url);
  let binding: NativeBinding;
  try {
    binding = require(libraryPath ?? '@contentauth/c2pa-node/dist/index.node') as NativeBinding;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error);
    return {
      unavailable: `no C2PA library for ${process.platform} on ${process.arch}: ${reason.slice(0, 200)}`,
    };
  }
  return {
    async read(bytes, mimeType, settings) {
      const reader = await binding.readerFromAsset({ buffer: Buffer.from(bytes), mimeType }, settings);
      return reader === null ? undefined : binding.readerJson.call(reader);
    },
  };
}
