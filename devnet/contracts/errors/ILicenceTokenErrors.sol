// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {LicenceKind} from "../interfaces/ILicenceToken.sol";

/// Errors of LicenceToken.
interface ILicenceTokenErrors {
    error NotAssetOwner(uint256 tokenId, address owner, address actual);
    error NotShop(address expected, address actual);
    /// `name` is the field of the terms.
    error LicenceTermOutOfBounds(string name, uint256 actual, uint256 least, uint256 most);
    error LicenceClassUnknown(uint256 classId);
    error LicenceUnitsZero(uint256 id);
    /// Only units of a per-use licence are used up.
    error LicenceNotPerUse(uint256 id, LicenceKind actual);
    error LicenceExpired(uint256 id, uint48 expiresAt);
    error LicenceNotTransferable(uint256 id);
    /// The terms that it was sold under say so.
    error LicenceNotRevocable(uint256 id);
    error LicenceNotHeld(uint256 id, address account, uint256 needed, uint256 actual);
    error LicenceRefundTooHigh(uint256 id, uint256 most, uint256 actual);
}
