/** The law that a document says it is under. */
export interface GoverningLaw {
  start: number;
  end: number;
  /** As written. */
  name: string;
  /** As compared. */
  jurisdiction: string;
}

const CAPITAL = "(?:\\p{Lu}[\\p{L}'’-]+|(?:\\p{Lu}\\.){2,4})";
const PLACE = `(?:(?:State|Commonwealth|Republic|Kingdom|Province|Canton|Federal\\s+Republic|Grand\\s+Duchy|Emirate|Federation|Confederation)\\s+of\\s+)?(?:the\\s+)?${CAPITAL}(?:(?:[ \\n](?:and|of|the))?[ \\n]${CAPITAL}){0,4}`;
const ADJECTIVES: Record<string, string> = {
  english: 'england and wales',
  scottish: 'scotland',
  scots: 'scotland',
  irish: 'ireland',
  german: 'germany',
  french: 'france',
  swiss: 'switzerland',
  dutch: 'netherlands',
  spanish: 'spain',
  italian: 'italy',
  austrian: 'austria',
  belgian: 'belgium',
  danish: 'denmark',
  swedish: 'sweden',
  norwegian: 'norway',
  finnish: 'finland',
  japanese: 'japan',
  canadian: 'canada',
  australian: 'australia',
  indian: 'india',
  polish: 'poland',
  portuguese: 'portugal',
  singaporean: 'singapore',
  delaware: 'delaware',
  'new york': 'new york',
  californian: 'california',
  california: 'california',
  texas: 'texas',
  singapore: 'singapore',
  luxembourg: 'luxembourg',
};
const ADJECTIVE = Object.keys(ADJECTIVES)
  .map((one) =>
    one
      .split(' ')
      .map((word) => word[0]!.toUpperCase() + word.slice(1))
      .join('\\s+'),
  )
  .join('|');
const GOVERNED =
  '(?:governed\\s+(?:exclusively\\s+)?(?:by|under)|construed\\s+(?:and\\s+\\w+\\s+)?(?:in\\s+accordance\\s+with|under)|interpreted\\s+(?:and\\s+\\w+\\s+)?(?:in\\s+accordance\\s+with|under|according\\s+to)|subject\\s+(?:exclusively\\s+)?to|determined\\s+under)';

const PATTERNS = [
  new RegExp(
    `\\b${GOVERNED}[^.;]{0,90}?\\blaws?\\s+(?:in\\s+force\\s+in|of|applicable\\s+in)\\s+(?:the\\s+)?(${PLACE})`,
    'gu',
  ),
  new RegExp(
    `\\b[Tt]he\\s+(?:\\w+\\s+){0,2}laws?\\s+of\\s+(?:the\\s+)?(${PLACE})\\s+(?:shall\\s+|will\\s+|alone\\s+|exclusively\\s+)*(?:govern|appl)`,
    'gu',
  ),
  new RegExp(`\\b${GOVERNED}\\s+(?:the\\s+)?(${ADJECTIVE})\\s+laws?\\b`, 'gu'),
  new RegExp(
    `\\b(${ADJECTIVE})\\s+law\\s+(?:shall\\s+|will\\s+|alone\\s+|exclusively\\s+)*(?:govern|appl)`,
    'gu',
  ),
  new RegExp(
    `\\b(?:[Gg]overning|[Aa]pplicable)\\s+[Ll]aw\\s*[:\\t–—-]\\s*(?:the\\s+)?(?:[Ll]aws?\\s+of\\s+)?(?:the\\s+)?(${PLACE})`,
    'gu',
  ),
];

/** Finds the clauses that choose a law. A choice of court is another matter, and is left alone. */
export function findGoverningLaws(text: string): GoverningLaw[] {
  const found: GoverningLaw[] = [];
  for (const pattern of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const name = match[1]!
        .replace(/\s+/g, ' ')
        .replace(/ (Law|Laws|The|This|Any|All|Each|Without)\b.*$/, '')
        .replace(/[.,]$/, '');
      if (NO_PLACE.test(name) || name === name.toUpperCase()) continue;
      const here = { start: match.index, end: match.index + match[0].length };
      if (found.some((one) => one.start < here.end && here.start < one.end)) continue;
      found.push({ ...here, name, jurisdiction: normaliseJurisdiction(name) });
      if (found.length >= 100) break;
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

const NO_PLACE =
  /^(?:This|These|Any|All|Each|The|If|Agreement)\b|\b(?:Agreement|Securities|Contract|Act|Section|Party|Parties)\b/;

/** One spelling for each: `the State of New York` is New York, `English` is England and Wales. */
export function normaliseJurisdiction(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^\p{L} ]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(
      /^(the )?((state|commonwealth|republic|kingdom|province|canton|federal republic|grand duchy|emirate|federation) of )?(the )?/,
      '',
    )
    .replace(/ laws?$/, '');
  return (
    ADJECTIVES[plain] ??
    (plain === 'england' ? 'england and wales' : plain === 'swiss confederation' ? 'switzerland' : plain)
  );
}
