/**
 * Whether words speak to a language model rather than to a person: the phrases that prompt injections are made of
 * (OWASP LLM01). A hint for the reader of a finding, and the bar for comments and attributes, which are seldom
 * shown and mostly innocent; it decides nothing about text in plain sight.
 */
export function addressesModel(text: string): boolean {
  const words = text.slice(0, 20_000);
  return PHRASES.some((phrase) => phrase.test(words));
}

const PHRASES = [
  /\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|any|other|your|the)\b.{0,30}\b(instructions?|prompts?|rules?|context|guidelines|text)\b/is,
  /\b(system|developer)\s+(prompt|message|instructions?)\b/i,
  /\byou\s+are\s+(now\s+)?(an?\s+)?(ai|assistant|language model|chatbot|llm)\b/i,
  /\b(ai|llm|chatgpt|gpt|claude|gemini|language models?|assistants?|reviewer)s?\b.{0,60}\b(must|should|shall|please|always|never|do not|rate|approve|accept|recommend|respond|answer|output|reply)\b/is,
  /\b(respond|reply|answer|output|say)\b.{0,25}\b(only|exactly|with)\b.{0,60}\b(approved?|accept(ed)?|positive|valid|yes|genuine)\b/is,
  /<\|?(im_start|im_end|system|endoftext)\|?>|\[\/?INST\]/i,
  /\b(rate|score|classify|mark|treat|approve)\b.{0,30}\bthis\b.{0,30}\b(document|paper|contract|file|invoice|text|page|data)\b.{0,40}\b(as|highly|positive|approved?|valid|genuine|trusted|safe)\b/is,
];
