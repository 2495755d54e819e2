/**
 * Groups by average linkage (UPGMA, Sokal & Michener 1958): the two nearest groups are joined, the distance of groups
 * being the mean over their pairs, until none are nearer than `cut`. Of equal distances the pair whose first members
 * come first is joined.
 *
 * @param distances of `n` things, row after row, symmetric.
 * @returns groups of at least one, each ascending, in the order of their first members. Time about n², memory n².
 * @example
 * averageLinkage(Float64Array.of(0, 0.1, 0.9, 0.1, 0, 0.8, 0.9, 0.8, 0), 3, 0.5); // [[0, 1], [2]]
 */
export function averageLinkage(distances: Float64Array, n: number, cut: number): number[][] {
  const between = Float64Array.from(distances);
  const groups = Array.from({ length: n }, (_, i): number[] | null => [i]);
  // Nearest group after each, so that ties fall to the first.
  const nearest = new Int32Array(n).fill(-1);
  for (let i = 0; i < n; i++) findNearest(i);
  for (let joined = 1; joined < n; joined++) {
    let at = -1;
    for (let i = 0; i < n; i++) {
      if (groups[i] === null || nearest[i]! < 0) continue;
      if (at < 0 || distanceTo(i) < distanceTo(at)) at = i;
    }
    if (at < 0 || !(distanceTo(at) < cut)) break;
    const gone = nearest[at]!;
    const [one, other] = [groups[at]!, groups[gone]!];
    for (let k = 0; k < n; k++) {
      if (groups[k] === null || k === at || k === gone) continue;
      const mean =
        (one.length * between[at * n + k]! + other.length * between[gone * n + k]!) /
        (one.length + other.length);
      between[at * n + k] = mean;
      between[k * n + at] = mean;
    }
    groups[at] = [...one, ...other];
    groups[gone] = null;
    findNearest(at);
    for (let k = 0; k < gone; k++) {
      if (groups[k] === null || k === at) continue;
      if (nearest[k] === at || nearest[k] === gone) findNearest(k);
      else if (at > k && isNearer(k, at)) nearest[k] = at;
    }
  }
  return groups.flatMap((group) => (group === null ? [] : [group.sort((a, b) => a - b)]));

  function distanceTo(i: number): number {
    return between[i * n + nearest[i]!]!;
  }

  function isNearer(i: number, candidate: number): boolean {
    const [now, then] = [
      between[i * n + candidate]!,
      nearest[i]! < 0 ? Number.POSITIVE_INFINITY : distanceTo(i),
    ];
    return now < then || (now === then && candidate < nearest[i]!);
  }

  function findNearest(i: number): void {
    nearest[i] = -1;
    for (let k = i + 1; k < n; k++) if (groups[k] !== null && isNearer(i, k)) nearest[i] = k;
  }
}
