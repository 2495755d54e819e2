/** How much of a document is read. */
export interface DocumentLimits {
  /** Of the file. */
  maxBytes: number;
  maxPages: number;
  /** Of text, shown or hidden; what follows is left unread. */
  maxCharacters: number;
  /** Of one inflated stream of a PDF, and four times that for all of them. */
  maxInflatedBytes: number;
  /** Drawing operators of a PDF, with everything that they repeat. This bounds the time without a clock. */
  maxOperators: number;
}

export const DOCUMENT_LIMITS: DocumentLimits = {
  maxBytes: 32 * 1024 * 1024,
  maxPages: 300,
  maxCharacters: 2_000_000,
  maxInflatedBytes: 32 * 1024 * 1024,
  maxOperators: 500_000,
};
