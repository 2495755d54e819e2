export { type ManifestReader, openManifestReader } from './c2pa-binding.ts';
export { openC2paDetector } from './c2pa-detector.ts';
export { type Credentials, type CredentialTrust, readCredentials } from './credentials.ts';
export { type DecodedImage, decodeImage, type Undecodable } from './decode.ts';
export type { KnownPictures } from './examine-image.ts';
export { openImageDetector } from './image-detector.ts';
export type { ImageTerms } from './image-terms.ts';
export {
  NearDuplicateIndex,
  type Neighbour,
  type NeighbourSearch,
  scanForNeighbours,
} from './near-duplicates.ts';
export {
  DIHEDRALS,
  type Dihedral,
  formatPdq,
  hammingDistance,
  PDQ_MIN_QUALITY,
  PDQ_RADIUS,
  type PdqHash,
  type Pixels,
  parsePdq,
  pdqDihedralHashes,
  pdqHash,
  reduceForPdq,
} from './pdq.ts';
export { thumbnail } from './thumbnail.ts';
