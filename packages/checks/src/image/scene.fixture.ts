/** RGB pixels of soft waves of many lengths with grain, for tests: like a photograph in its spectrum, and no part of it repeats. */
export function drawScene(seed: number, width: number, height: number): Uint8Array {
  let state = seed * 2654435761;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const waves = Array.from({ length: 30 }, () => {
    const frequency = 2 ** (6 * random());
    const direction = 2 * Math.PI * random();
    return [
      Math.cos(direction) * frequency,
      Math.sin(direction) * frequency,
      7 * random(),
      40 / frequency ** 0.7,
    ] as const;
  });
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    let sum = 128 + 8 * (random() - 0.5);
    for (const [x, y, phase, size] of waves) {
      sum += size * Math.sin((x * (i % width) + y * Math.floor(i / width)) / 80 + phase);
    }
    data.fill(Math.max(0, Math.min(255, sum)), 3 * i, 3 * i + 3);
  }
  return data;
}
