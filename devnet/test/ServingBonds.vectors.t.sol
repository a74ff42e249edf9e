// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {ChannelTerms} from "../contracts/interfaces/IPaymentChannels.sol";
import {Accusation, Statement} from "../contracts/interfaces/IServingBonds.sol";
import {BondBase} from "./BondBase.sol";
import {Shipped} from "./Shipped.sol";
import {Statements} from "./Statements.sol";

/// tests/vectors/served.json, made with other libraries: signed results that the shipped code takes, in the place that they are of.
contract ServingBondsVectorsTest is BondBase {
    event log_named_uint(string key, uint256 val);

    string private _json;
    string private _case;

    function test_vectors() public {
        _json = vm.readFile("../tests/vectors/served.json");
        for (uint256 i = 0; i < 3; ++i) {
            _case = string.concat(".cases[", vm.toString(i), "]");
            _accuseAsInVector();
        }
    }

    function _accuseAsInVector() private {
        vm.chainId(_number("chainId"));
        _deployAt(_account("channels"), _account("bonds"));
        payee = vm.addr(uint256(_word("key")));
        Statement memory s = _read();
        vm.assertEq(Statements.digest(s, _account("channels"), block.chainid), _word("digest"), "digest");
        ChannelTerms memory terms = _terms(s.versionId);
        (uint256[] memory typeWords, bytes[] memory inputs) = _shown();
        token.transfer(payee, ONE);
        token.transfer(terms.payer, ACCUSING);
        vm.startPrank(payee);
        token.approve(address(bonds), ONE);
        bonds.deposit(s.versionId, ONE);
        vm.stopPrank();
        vm.startPrank(terms.payer);
        token.approve(address(bonds), ACCUSING);
        vm.assertEq(bonds.accuse(terms, s, typeWords, inputs), _word("accusationId"), "accusationId");
        emit log_named_uint(string.concat("GAS: accuse, ", _text("case")), vm.lastCallGas().gasTotalUsed);
        vm.stopPrank();
        Accusation memory found = bonds.accusationOf(_word("accusationId"));
        vm.assertEq(found.payee, payee);
        vm.assertEq(found.exactInput, _word("exactInput"));
    }

    /// @dev The shipped code, in the places that the vector names.
    function _deployAt(address channelsAt, address bondsAt) private {
        IFeeShares shares = IFeeShares(address(feeShares));
        PaymentChannels made = Shipped.paymentChannels(token, registry, shares, address(vault), TREASURY, 100);
        vm.etch(channelsAt, address(made).code);
        channels = PaymentChannels(channelsAt);
        vm.etch(bondsAt, address(Shipped.servingBonds(token, market, channels, _bondParams())).code);
        bonds = ServingBonds(bondsAt);
    }

    function _terms(bytes32 version) private view returns (ChannelTerms memory terms) {
        address payer = _account("payer");
        (terms.payer, terms.signer, terms.payee, terms.nonce) = (payer, payer, payee, 1);
        (terms.versionId, terms.usePrice, terms.ownerBps) = (version, 2, 3);
        (terms.treasuryBps, terms.stakersBps) = (4, 5);
        (terms.payees, terms.bps) = (new address[](1), new uint16[](1));
        terms.payees[0] = _account("owner");
    }

    function _read() private view returns (Statement memory s) {
        (s.channelId, s.call, s.request) = (_word("channelId"), uint64(_number("call")), _word("request"));
        (s.versionId, s.servedAt) = (_word("versionId"), uint64(_number("servedAt")));
        (s.inputCommitment, s.outputCommitment) = (_word("inputCommitment"), _word("outputCommitment"));
        (s.exactInput, s.exactOutput) = (_word("exactInput"), _word("exactOutput"));
        s.signature = vm.parseJsonBytes(_json, string.concat(_case, ".signature"));
    }

    /// @dev The byte at i of n bytes is (7 · i + n) % 251.
    function _shown() private view returns (uint256[] memory typeWords, bytes[] memory inputs) {
        typeWords = vm.parseJsonUintArray(_json, string.concat(_case, ".typeWords"));
        uint256[] memory sizes = vm.parseJsonUintArray(_json, string.concat(_case, ".sizes"));
        inputs = new bytes[](sizes.length);
        for (uint256 k = 0; k < sizes.length; ++k) {
            uint256 size = sizes[k];
            bytes memory data = new bytes(size);
            for (uint256 i = 0; i < size; ++i) {
                data[i] = bytes1(uint8((7 * i + size) % 251));
            }
            inputs[k] = data;
        }
    }

    function _word(string memory name) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, string.concat(_case, ".", name));
    }

    function _number(string memory name) private view returns (uint256) {
        return vm.parseJsonUint(_json, string.concat(_case, ".", name));
    }

    function _text(string memory name) private view returns (string memory) {
        return vm.parseJsonString(_json, string.concat(_case, ".", name));
    }

    function _account(string memory name) private view returns (address) {
        return address(bytes20(vm.parseJsonBytes(_json, string.concat(_case, ".", name))));
    }
}
