/** A theme that people speak of, the tickers that belong to it, and the words by which articles name it. */
export interface Theme {
  id: string;
  name: string;
  /** Tickers, in capitals. */
  symbols: ReadonlySet<string>;
  /** Matched as whole words, whatever their case. */
  words: RegExp;
}

/**
 * Our own editorial list of well-known tickers by theme; a judgement, not a measurement. It names clusters that
 * prices have formed and says what indices leave out; it never decides which assets move together. A ticker stands in
 * as many themes as people would name. Changing it changes rows: raise the version of the figures that read it.
 */
export const THEMES: readonly Theme[] = [
  theme('stablecoin', 'Stablecoins', 'stablecoins? dollar.peg depeg', [
    'USDT USDC DAI BUSD TUSD USDP PAX GUSD FRAX LUSD SUSD USDD UST USTC FEI HUSD USDN USDJ MIM FDUSD PYUSD USDE',
    'GHO CRVUSD DOLA EURT EURS EURC AGEUR CUSD CEUR USDX OUSD USDK ALUSD USDS USD1 XSGD',
  ]),
  theme('wrapped', 'Wrapped and staked coins', 'wrapped liquid.staking.tokens?', [
    'WBTC WETH STETH WSTETH CBETH RETH RENBTC HBTC BTCB WBNB WAVAX WMATIC WBETH CBBTC TBTC SETH2 FRXETH SFRXETH',
    'MSOL JITOSOL BNSOL WEETH EZETH METH RSETH',
  ]),
  theme('gold', 'Tokenised gold', 'tokeni[sz]ed.gold gold.backed', ['PAXG XAUT DGX PMGT']),
  theme('payments', 'Payments and stores of value', 'payments? remittances? digital.gold halving', [
    'BTC XRP LTC BCH XLM BSV DASH DOGE XEM NANO XNO DGB ACH AMP COTI XDC CELO BTG PUNDIX XYO',
  ]),
  theme('layer-1', 'Layer 1', 'layer.?1s? l1s? smart.contract.platforms? mainnets?', [
    'ETH SOL ADA AVAX DOT ATOM NEAR ALGO EOS TRX BNB XTZ ICP FTM EGLD HBAR NEO ONE KAVA APT SUI SEI FLOW MINA CSPR',
    'QTUM IOTA MIOTA VET ZIL ICX WAVES ONT LSK KSM LUNA LUNA2 LUNC ETC KLAY TON INJ ROSE CFX KAS TIA',
  ]),
  theme('layer-2', 'Layer 2', 'layer.?2s? l2s? rollups? scaling', [
    'MATIC POL ARB OP IMX LRC METIS BOBA SKL CTSI OMG STRK MNT MANTA BLAST CELR SYN STX ZK ZKS SCR',
  ]),
  theme('defi', 'DeFi', 'defi lending amms? yield.farm(?:s|ing)? liquidity.pools?', [
    'UNI AAVE COMP MKR SNX CRV SUSHI YFI BAL BNT CAKE 1INCH ZRX LRC UMA KNC RUNE PERP DYDX GMX LDO CVX FXS SPELL ALCX',
    'BADGER MIR ANC RARI RGT TRIBE FARM CREAM ALPHA DPI BOND API3 INDEX RBN JOE QUICK PENDLE RPL AERO JUP RAY ORCA',
    'ORN REP MLN NMR KAVA TRU IDLE FORTH DDX INV WNXM MPL ENA ONDO ETHFI',
  ]),
  theme('exchange', 'Exchange tokens', 'exchange.tokens? token.burns?', [
    'BNB FTT CRO LEO OKB KCS HT GT BGB MX WRX BIX ZB NEXO',
  ]),
  theme('meme', 'Memes', 'memes? memecoins? dog.?coins?', [
    'DOGE SHIB FLOKI PEPE BONK ELON BABYDOGE SAMO DOGELON KISHU AKITA HOGE WIF MEME BOME TURBO LADYS BRETT POPCAT MOG',
    'NEIRO PNUT GOAT TRUMP FARTCOIN SAFEMOON COQ MYRO PONKE',
  ]),
  theme('gaming', 'Gaming and metaverse', 'gaming games? metaverse play.to.earn nfts?', [
    'AXS SAND MANA ENJ GALA ILV IMX SLP ALICE YGG CHZ SUPER GODS TLM WAXP APE RARE MAGIC PYR UFO VOXEL HIGH RFOX',
    'ATLAS POLIS RNDR PRIME BEAM GMT RONIN RON PIXEL PORTAL SIDUS BIGTIME ACS NAKA',
  ]),
  theme('privacy', 'Privacy', 'privacy mixers? zero.knowledge', [
    'XMR ZEC DASH SCRT ZEN ARRR FIRO DCR ROSE KEEP NU OXEN NYM ZANO',
  ]),
  theme('ai', 'AI', 'ai artificial.intelligence machine.learning agents?', [
    'FET AGIX OCEAN RNDR RENDER TAO NMR GRT AKT CTXC AIOZ WLD ARKM PHB VIRTUAL AI16Z PAAL NFP ORAI AGI IO KAITO',
  ]),
  theme('storage', 'Storage and computing', 'storage file.?coin computing depin', [
    'FIL AR STORJ SC BTT HOT ANKR GLM RLC LPT THETA TFUEL HNT AKT FLUX BLZ CQT',
  ]),
  theme('oracle', 'Oracles and data', 'oracles? price.feeds?', [
    'LINK BAND API3 TRB DIA NEST PYTH UMA GRT XYO DNT CVC FLR',
  ]),
  theme('interoperability', 'Bridges and interoperability', 'bridges? cross.chain interoperability', [
    'DOT ATOM QNT RUNE REN ZRO AXL W SYN CELR ICX POLY KSM MOVR GLMR ASTR',
  ]),
  theme('attention', 'Media and attention', 'creators? social.tokens? streaming attention', [
    'BAT AUDIO MASK THETA RALLY RLY DESO STEEM HIVE CHZ JASMY FOX SPANK MUSE',
  ]),
  theme('real-world', 'Real-world assets', 'real.world.assets? rwas? tokeni[sz]ation', [
    'ONDO CFG MPL POLYX POLY PRO RIO TRU GFI OM LCX SNT',
  ]),
];

const BY_SYMBOL = new Map<string, string[]>();
for (const { id, symbols } of THEMES)
  for (const symbol of symbols) BY_SYMBOL.set(symbol, [...(BY_SYMBOL.get(symbol) ?? []), id]);

/** Themes that the lexicon gives a ticker, in the lexicon's order; empty when it lists none. */
export function themesOf(symbol: string): readonly string[] {
  return BY_SYMBOL.get(symbol.toUpperCase()) ?? [];
}

/** Whether a ticker stands for something else: a dollar, a coin that is locked away, gold. */
export function standsForAnother(symbol: string): boolean {
  return themesOf(symbol).some((id) => id === 'stablecoin' || id === 'wrapped' || id === 'gold');
}

function theme(id: string, name: string, words: string, symbols: readonly string[]): Theme {
  return {
    id,
    name,
    symbols: new Set(symbols.flatMap((line) => line.split(' '))),
    words: new RegExp(
      `(?<![\\p{L}\\p{N}])(?:${words.split(' ').join('|').replaceAll('.', '[ -]')})(?![\\p{L}\\p{N}])`,
      'iu',
    ),
  };
}
