// Compiles the contracts and writes artifacts/<Name>.json, those whose sources have changed; `--check` compiles all of them,
// writes nothing, and fails unless they rebuild byte for byte.
// Deterministic: sources are named by relative paths, the bytecode carries no metadata, keys are sorted.
//
//     node build.mjs [--check]
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const solc = createRequire(import.meta.url)("solc");

/// name: the artifact's; source: relative to devnet/; contract: its name in the source, where that differs.
const market = { optimizer: { enabled: true, runs: 200 }, viaIR: false };
// As ezkl generates it for: small enough to be deployed only with runs = 1 (ezkl's own setting).
const generated = { optimizer: { enabled: true, runs: 1 }, viaIR: false };
// Never to be changed, nor is Deployer.sol: every address on every chain follows from the bytecode that they give.
const frozen = { optimizer: { enabled: true, runs: 200 }, viaIR: false };
const units = [
  { settings: market, contracts: [...["MarketToken", "AssetRegistry", "StakeVault", "JobMarket", "ZkVerifier", "Providers", "Reputation", "FeeShares", "BatchAuction"].map((name) => ({ name, source: `contracts/${name}.sol` })), ...["Bidding", "Settlement"].map((name) => ({ name, source: `contracts/libraries/${name}.sol` }))] },
  // By itself: what it is made of does not change with the market.
  { settings: market, contracts: [{ name: "AssetSale", source: "contracts/AssetSale.sol" }] },
  { settings: market, contracts: [{ name: "PaymentChannels", source: "contracts/PaymentChannels.sol" }] },
  { settings: market, contracts: [{ name: "ServingBonds", source: "contracts/ServingBonds.sol" }] },
  { settings: market, contracts: ["EncryptionKeys", "Delivery", "Unverified"].map((name) => ({ name, source: `contracts/${name}.sol` })) },
  { settings: market, contracts: [{ name: "FaultProofs", source: "contracts/FaultProofs.sol" }] },
  { settings: market, contracts: [{ name: "DisputeGame", source: "contracts/DisputeGame.sol" }] },
  { settings: market, contracts: [{ name: "AuditRewards", source: "contracts/AuditRewards.sol" }] },
  { settings: market, contracts: ["AttesterSet", "QuoteProofs", "TeeVerifier"].map((name) => ({ name, source: `contracts/${name}.sol` })) },
  { settings: market, contracts: ["CommitRevealBeacon", "Replication"].map((name) => ({ name, source: `contracts/${name}.sol` })) },
  { settings: market, contracts: ["ContentKeys", "LicenceToken", "LicenceShop"].map((name) => ({ name, source: `contracts/${name}.sol` })) },
  { settings: frozen, contracts: [{ name: "Deployer", source: "contracts/Deployer.sol" }] },
  { settings: generated, contracts: [{ name: "Halo2Verifier", source: "circuits/Halo2Verifier.sol", contract: "Halo2VerifierReusable" }] },
];
const LIMIT = 24576; // EIP-170

function pathOf(source) {
  if (source.startsWith("@openzeppelin/")) return join(root, "node_modules", source);
  if (source.startsWith("circuits/")) return join(root, "..", source);
  return join(root, source);
}

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

/// Where creation code holds the addresses of external libraries: by library, the byte offsets of 20 bytes each.
function linksOf({ linkReferences = {} }) {
  const links = {};
  for (const libraries of Object.values(linkReferences))
    for (const [library, places] of Object.entries(libraries)) links[library] = places.map(({ start }) => start);
  return links;
}

/// Code without the compiler's placeholders: zeros stand where an address belongs.
const unlinked = (object) => `0x${object.replace(/__\$[0-9a-f]{34}\$__/g, "0".repeat(40))}`;

const contentsOf = (source) => readFileSync(pathOf(source), "utf8").replaceAll("\r\n", "\n");
const sha256 = (data) => createHash("sha256").update(data).digest();

/// Over each source's name, a zero byte and its own digest, in the names' order; test/Artifacts.sol takes it again.
function digestOf(sources) {
  const parts = sources.flatMap((source) => [Buffer.from(`${source}\0`), sha256(contentsOf(source))]);
  return `sha256:${sha256(Buffer.concat(parts)).toString("hex")}`;
}

const settingsOf = (settings) => ({ ...settings, evmVersion: "cancun", metadata: { appendCBOR: false, bytecodeHash: "none" } });

/// An artifact as it lies there; nothing where there is none, or one that a merge has left in conflict.
function held(name) {
  try {
    return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
  } catch {
    return {};
  }
}

/// Whether artifacts/ holds what would come of these sources, by these settings and this compiler: then nothing is compiled.
function isFresh({ settings, contracts }) {
  const wanted = JSON.stringify(sorted(settingsOf(settings)));
  return contracts.every(({ name, source }) => {
    const artifact = held(name);
    return (
      artifact.compiler === solc.version() &&
      artifact.source === source &&
      JSON.stringify(artifact.settings) === wanted &&
      artifact.sources?.every((each) => existsSync(pathOf(each))) &&
      digestOf(artifact.sources) === artifact.sourceDigest
    );
  });
}

/// JSON without blanks, a line for each of the artifact's keys: small, and a change shows what it is a change of.
const textOf = (artifact) =>
  `{\n${Object.entries(artifact).map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",\n")}\n}\n`;

/// Compiles one unit; returns its artifacts' text by name.
function compile({ settings, contracts }) {
  const read = new Set(); // every source the compiler asked for: what the bytecode depends on
  const load = (source) => {
    read.add(source);
    return contentsOf(source);
  };
  const full = {
    ...settingsOf(settings),
    outputSelection: Object.fromEntries(
      contracts.map(({ source }) => [source, { "*": ["abi", "evm.bytecode", "evm.deployedBytecode.object"] }]),
    ),
  };
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(contracts.map(({ source }) => [source, { content: load(source) }])),
    settings: full,
  };
  const find = (source) => (existsSync(pathOf(source)) ? { contents: load(source) } : { error: `no such file: ${source}` });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: find }));
  const errors = (output.errors ?? []).filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join("\n"));
  const sources = [...read].sort();
  const sourceDigest = digestOf(sources);
  return contracts.map(({ name, source, contract = name }) => {
    const { abi, evm } = output.contracts[source][contract];
    const size = evm.deployedBytecode.object.length / 2;
    if (size > LIMIT) throw new Error(`${name}: ${size} bytes of code, at most ${LIMIT} can be deployed`);
    const artifact = {
      abi,
      bytecode: unlinked(evm.bytecode.object),
      compiler: solc.version(),
      contractName: name,
      deployedSize: size,
      settings: settingsOf(settings),
      source,
      sourceDigest,
      sources,
    };
    const links = linksOf(evm.bytecode);
    if (Object.keys(links).length > 0) artifact.links = links;
    return { name, size, text: textOf(sorted(artifact)) };
  });
}

const check = process.argv.includes("--check");
const folder = join(root, "artifacts");
mkdirSync(folder, { recursive: true });
let stale = 0;
for (const { name, size, text } of units.filter((unit) => check || !isFresh(unit)).flatMap(compile)) {
  const path = join(folder, `${name}.json`);
  const same = existsSync(path) && readFileSync(path, "utf8") === text;
  if (!same && check) stale += 1;
  if (!same && !check) writeFileSync(path, text);
  console.log(`${name}: ${size} bytes${same ? "" : check ? ", NOT what artifacts/ holds" : ", written"}`);
}
if (stale > 0) {
  console.error(`${stale} artifact(s) differ from their source: run \`make contracts\` and commit devnet/artifacts`);
  process.exit(1);
}
