// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Kind, Tier} from "../interfaces/Types.sol";
import {ICommitmentErrors} from "./ICommitmentErrors.sol";

/// Errors of AssetRegistry.
interface IAssetRegistryErrors is ICommitmentErrors {
    error HandleInvalid(string handle);
    error NameInvalid(string name);
    error VersionInvalid(string version);
    error LicenceInvalid(string licence);
    error HandleTaken(string handle, address owner);
    error NotHandleOwner(string handle, address owner, address actual);
    error NotAssetOwner(uint256 tokenId, address owner, address actual);
    error KindMismatch(uint256 tokenId, Kind expected, Kind actual);

    error ManifestMissing(uint256 tokenId);
    error VersionAlreadyPublished(bytes32 versionId);
    error VersionNameTaken(uint256 tokenId, string version, bytes32 versionId);
    error VersionUnknown(bytes32 versionId);

    error TooManyParents(uint256 most, uint256 actual);
    error ParentUnknown(uint256 tokenId);
    error ParentRepeated(uint256 tokenId);
    error ParentSharesTooHigh(uint256 most, uint256 actual);
    error OwnerShareTooHigh(uint256 most, uint256 actual);
    error ResaleShareTooHigh(uint256 most, uint256 actual);

    error KeyZero(bytes32 versionId, Tier tier);
    error KeyAlreadySet(bytes32 versionId, Tier tier, bytes32 key);
    error TierWithoutKey(Tier tier);
}
