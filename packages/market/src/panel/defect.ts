export type DefectKind =
  | 'malformed'
  | 'price-not-positive'
  | 'high-below-low'
  | 'not-a-day'
  | 'duplicate-row'
  | 'contradicting-rows'
  | 'out-of-order'
  | 'zero-volume'
  | 'missing-days'
  | 'duplicate-symbol'
  | 'relaunched'
  | 'renamed'
  | 'redenomination'
  | 'price-jump'
  | 'cap-disagrees'
  | 'too-many';

/** Something that is wrong with observed rows, and what was done about it. */
export interface Defect {
  kind: DefectKind;
  /** Identity in the panel; null when it concerns a whole stream. */
  asset: string | null;
  /** Null when it shows only in all streams together. */
  stream: string | null;
  /**
   * First and last day that it concerns. It was known by the end of `to`, not before; that days are missing, or that
   * a run of days ended, on the day after.
   */
  from: string;
  to: string;
  /** In plain words. */
  text: string;
}

/** One day of one kind of defect, before days that follow each other are joined. */
export interface DefectDay {
  kind: DefectKind;
  asset: string | null;
  stream: string | null;
  /** Start of the first and the last day, in milliseconds. */
  fromMs: number;
  toMs: number;
  text: string;
}
