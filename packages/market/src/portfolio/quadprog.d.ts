declare module 'quadprog' {
  /** Goldfarb–Idnani: least ½ xᵀDx − dᵀx under Aᵀx ≥ b, the first `meq` as equalities. All arrays count from 1 and are overwritten. */
  export function solveQP(
    D: number[][],
    d: number[],
    A: number[][],
    b: number[],
    meq: number,
  ): { solution: number[]; Lagrangian: number[]; iterations: number[]; message: string };
}
