export { type CustodyMemory, type CustodyTerms, custody } from './custody.ts';
export { geodesicDestination, geodesicMetres, type Position } from './geodesic.ts';
export { meanKineticTemperature } from './mean-kinetic-temperature.ts';
