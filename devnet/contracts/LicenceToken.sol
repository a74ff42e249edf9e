// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {IERC2981} from "@openzeppelin/contracts/interfaces/IERC2981.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {PullCredits} from "./base/PullCredits.sol";
import {Payments} from "./base/Payments.sol";
import {ILicenceTokenErrors} from "./errors/ILicenceTokenErrors.sol";
import {IAssetRegistry} from "./interfaces/IAssetRegistry.sol";
import {Grace, ILicenceToken, LicenceKind, LicenceTerms} from "./interfaces/ILicenceToken.sol";
import {MAX_LICENCE_NOTICE, MAX_LICENCE_PERIOD, MIN_LICENCE_PERIOD} from "./libraries/LicenceLimits.sol";
import {BPS, MAX_RESALE_BPS} from "./libraries/Limits.sol";

/// @title Licences of assets (ERC-1155, ERC-2981); docs/licences.md
/// @notice No owner, no upgrade. Who owns an asset decides about its classes and, where the terms say so, revokes.
/// INVARIANT: the terms of a class never change.
/// INVARIANT: token.balanceOf(this) >= totalCredit; equal unless somebody donates.
/// INVARIANT: units appear by the shop's `mint` and disappear by `redeem` and `revoke` only.
/// @dev Minting makes no callback, against EIP-1155's rule for it: a buyer that is a contract asked for the units itself, and
/// a seller's payment must not hang on what the buyer's code does then. Transfers do call, after all is written.
contract LicenceToken is ILicenceToken, ILicenceTokenErrors, ERC1155, IERC2981, PullCredits {
    bytes32 private constant LICENCE_DOMAIN = keccak256("mlm/licence/1");
    uint256 private constant EXPIRY_MASK = type(uint40).max;

    IAssetRegistry public immutable registry;
    /// @notice The only contract that mints.
    address public immutable shop;

    mapping(uint256 classId => LicenceTerms) private _classes;
    mapping(uint256 id => mapping(address account => Grace)) private _graces;

    /// @param shop_ May have no code yet: token and shop name each other.
    constructor(IERC20 token_, IAssetRegistry registry_, address shop_) ERC1155("") Payments(token_) {
        if (address(registry_).code.length == 0) revert AddressMissing("registry");
        if (shop_ == address(0)) revert AddressMissing("shop");
        (registry, shop) = (registry_, shop_);
    }

    // ---------------------------------------------------------------- the asset's owner

    /// @inheritdoc ILicenceToken
    function defineClass(LicenceTerms calldata terms) external returns (uint256 classId) {
        // The shop has asked who owns the asset.
        if (msg.sender != shop) _needOwner(terms.tokenId);
        _checkTerms(terms);
        classId = classOf(terms);
        if (_classes[classId].tokenId != 0) return classId;
        _classes[classId] = terms;
        emit LicenceDefined(classId, terms.tokenId, terms);
    }

    /// @inheritdoc ILicenceToken
    function revoke(uint256 id, address holder, uint256 mostRefund) external nonReentrant returns (uint256 refund) {
        LicenceTerms storage terms = _known(id);
        _needOwner(terms.tokenId);
        if (terms.notice == 0) revert LicenceNotRevocable(id);
        uint256 units = balanceOf(holder, id);
        if (units == 0) revert LicenceNotHeld(id, holder, 1, 0);
        refund = units * terms.refund;
        if (refund > mostRefund) revert LicenceRefundTooHigh(id, mostRefund, refund);
        uint40 until = uint40(block.timestamp + terms.notice);
        Grace storage grace = _graces[id][holder];
        // What an earlier revocation left and has lapsed since does not come back.
        uint256 left = block.timestamp < grace.until ? grace.units : 0;
        // SAFETY: units of a licence come from orders of at most 2^64 each; 2^64 orders do not fit into this chain's life.
        // forge-lint: disable-next-line(unsafe-typecast)
        _graces[id][holder] = Grace(until, uint128(left + units));
        emit LicenceRevoked(id, holder, units, refund, until);
        _move(holder, address(0), id, units);
        if (refund == 0) return 0;
        _addCredit(holder, refund);
        _pull(refund);
    }

    // ---------------------------------------------------------------- the holder

    /// @inheritdoc ILicenceToken
    function redeem(uint256 id, uint256 units, bytes32 purpose) external {
        LicenceTerms storage terms = _known(id);
        if (terms.kind != LicenceKind.PerUse) revert LicenceNotPerUse(id, terms.kind);
        if (units == 0) revert LicenceUnitsZero(id);
        uint256 held = balanceOf(msg.sender, id);
        if (units > held) {
            // What was revoked can be used up during its notice.
            Grace storage grace = _graces[id][msg.sender];
            uint256 left = block.timestamp < grace.until ? grace.units : 0;
            if (units > held + left) revert LicenceNotHeld(id, msg.sender, units, held + left);
            // SAFETY: at most what there was.
            // forge-lint: disable-next-line(unsafe-typecast)
            grace.units = uint128(left - (units - held));
        }
        emit LicenceRedeemed(id, msg.sender, purpose, units);
        uint256 burned = units < held ? units : held;
        if (burned != 0) _move(msg.sender, address(0), id, burned);
    }

    // ---------------------------------------------------------------- the shop

    /// @inheritdoc ILicenceToken
    function mint(address holder, uint256 id, uint256 units) external {
        if (msg.sender != shop) revert NotShop(shop, msg.sender);
        // slither-disable-next-line unused-return
        _known(id);
        _move(address(0), holder, id, units);
    }

    // ---------------------------------------------------------------- views

    /// @inheritdoc ILicenceToken
    function entitles(uint256 id, address account) external view returns (bool) {
        LicenceTerms storage terms = _classes[id & ~EXPIRY_MASK];
        if (terms.tokenId == 0 || block.timestamp >= id & EXPIRY_MASK) return false;
        if (balanceOf(account, id) != 0) return true;
        Grace storage grace = _graces[id][account];
        return block.timestamp < grace.until && grace.units != 0;
    }

    /// @inheritdoc ILicenceToken
    function graceOf(uint256 id, address account) external view returns (Grace memory) {
        return _graces[id][account];
    }

    /// @inheritdoc ILicenceToken
    function termsOf(uint256 id) external view returns (LicenceTerms memory) {
        return _known(id);
    }

    /// @inheritdoc ILicenceToken
    function expiryOf(uint256 id) external pure returns (uint256) {
        return id & EXPIRY_MASK;
    }

    /// @inheritdoc ILicenceToken
    function classOf(LicenceTerms calldata terms) public view returns (uint256) {
        return uint256(keccak256(abi.encode(LICENCE_DOMAIN, block.chainid, address(this), terms))) & ~EXPIRY_MASK;
    }

    /// @inheritdoc IERC2981
    function royaltyInfo(uint256 id, uint256 salePrice) external view returns (address receiver, uint256 amount) {
        LicenceTerms storage terms = _known(id);
        return (_ownerOf(terms.tokenId), (salePrice * terms.resaleBps) / BPS);
    }

    /// @inheritdoc ERC1155
    function supportsInterface(bytes4 interfaceId) public view override(ERC1155, IERC165) returns (bool) {
        return interfaceId == type(IERC2981).interfaceId || super.supportsInterface(interfaceId);
    }

    // ---------------------------------------------------------------- facts

    /// @dev All that moves units comes through here; between two holders only what the terms let pass.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (from != address(0) && to != address(0)) {
            for (uint256 i = 0; i < ids.length; ++i) {
                if (!_known(ids[i]).transferable) revert LicenceNotTransferable(ids[i]);
            }
        }
        super._update(from, to, ids, values);
    }

    /// @dev Mints or burns, without a callback.
    function _move(address from, address to, uint256 id, uint256 units) private {
        uint256[] memory ids = new uint256[](1);
        uint256[] memory values = new uint256[](1);
        (ids[0], values[0]) = (id, units);
        _update(from, to, ids, values);
    }

    function _checkTerms(LicenceTerms calldata terms) private pure {
        bool period = terms.kind == LicenceKind.Period;
        _term("period", terms.period, period ? MIN_LICENCE_PERIOD : 0, period ? MAX_LICENCE_PERIOD : 0);
        _term("resaleBps", terms.resaleBps, 0, terms.transferable ? MAX_RESALE_BPS : 0);
        _term("notice", terms.notice, 0, MAX_LICENCE_NOTICE);
        _term("refund", terms.refund, 0, terms.notice == 0 ? 0 : type(uint128).max);
    }

    function _term(string memory name, uint256 actual, uint256 least, uint256 most) private pure {
        if (actual < least || actual > most) revert LicenceTermOutOfBounds(name, actual, least, most);
    }

    function _known(uint256 id) private view returns (LicenceTerms storage terms) {
        terms = _classes[id & ~EXPIRY_MASK];
        if (terms.tokenId == 0) revert LicenceClassUnknown(id & ~EXPIRY_MASK);
    }

    function _needOwner(uint256 tokenId) private view {
        address owner = _ownerOf(tokenId);
        if (owner != msg.sender) revert NotAssetOwner(tokenId, owner, msg.sender);
    }

    function _ownerOf(uint256 tokenId) private view returns (address) {
        return IERC721(address(registry)).ownerOf(tokenId);
    }
}
