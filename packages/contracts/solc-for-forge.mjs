#!/usr/bin/env node
// Gives npm's solc, which is JavaScript, the two switches of the native compiler that forge uses.
import { readFileSync } from 'node:fs';
import solc from 'solc';

if (process.argv.includes('--version'))
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
else process.stdout.write(solc.compile(readFileSync(0, 'utf8')));
