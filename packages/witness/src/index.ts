export { keyFromFile } from './key-file.ts';
export { witnessServer } from './server.ts';
export { spawnWitness, type WitnessProcess } from './spawn.ts';
export { createWitness, type WatchedLog, type Witness, type WitnessAnswer } from './witness.ts';
export { type Cosigned, sqliteWitnessStore, type WitnessStore } from './witness-store.ts';
