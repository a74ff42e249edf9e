// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AssetRegistry} from "../contracts/AssetRegistry.sol";
import {AssetSale} from "../contracts/AssetSale.sol";
import {AttesterSet} from "../contracts/AttesterSet.sol";
import {AuditRewards} from "../contracts/AuditRewards.sol";
import {BatchAuction} from "../contracts/BatchAuction.sol";
import {CommitRevealBeacon} from "../contracts/CommitRevealBeacon.sol";
import {ContentKeys} from "../contracts/ContentKeys.sol";
import {Delivery} from "../contracts/Delivery.sol";
import {Deployer} from "../contracts/Deployer.sol";
import {DisputeGame, GameParams} from "../contracts/DisputeGame.sol";
import {EncryptionKeys} from "../contracts/EncryptionKeys.sol";
import {FaultProofs} from "../contracts/FaultProofs.sol";
import {FeeShares} from "../contracts/FeeShares.sol";
import {JobMarket} from "../contracts/JobMarket.sol";
import {LicenceShop} from "../contracts/LicenceShop.sol";
import {LicenceToken} from "../contracts/LicenceToken.sol";
import {MarketToken} from "../contracts/MarketToken.sol";
import {PaymentChannels} from "../contracts/PaymentChannels.sol";
import {Providers} from "../contracts/Providers.sol";
import {QuoteProofs, Vendor} from "../contracts/QuoteProofs.sol";
import {Replication} from "../contracts/Replication.sol";
import {Reputation} from "../contracts/Reputation.sol";
import {ServingBonds} from "../contracts/ServingBonds.sol";
import {StakeVault} from "../contracts/StakeVault.sol";
import {TeeParams, TeeVerifier} from "../contracts/TeeVerifier.sol";
import {Unverified} from "../contracts/Unverified.sol";
import {ZkVerifier} from "../contracts/ZkVerifier.sol";
import {Modules, Params} from "../contracts/base/MarketTerms.sol";
import {IAssetRegistry} from "../contracts/interfaces/IAssetRegistry.sol";
import {ICreditSource} from "../contracts/interfaces/IAssetSale.sol";
import {IAttesterSet} from "../contracts/interfaces/IAttesterSet.sol";
import {AuditParams} from "../contracts/interfaces/IAuditRewards.sol";
import {ILeases} from "../contracts/interfaces/IBatches.sol";
import {IContentKeys} from "../contracts/interfaces/IContentKeys.sol";
import {IDisputeGame} from "../contracts/interfaces/IDisputeGame.sol";
import {IFaultProofs} from "../contracts/interfaces/IFaultProofs.sol";
import {IFeeShares} from "../contracts/interfaces/IFeeShares.sol";
import {IJobMarket} from "../contracts/interfaces/IJobMarket.sol";
import {IMarketParts} from "../contracts/interfaces/ILicenceShop.sol";
import {ILicenceToken} from "../contracts/interfaces/ILicenceToken.sol";
import {IPaymentChannels} from "../contracts/interfaces/IPaymentChannels.sol";
import {IProviders} from "../contracts/interfaces/IProviders.sol";
import {IQuoteProofs} from "../contracts/interfaces/IQuoteProofs.sol";
import {IRandomness} from "../contracts/interfaces/IRandomness.sol";
import {IReplication, ReplicationParams} from "../contracts/interfaces/IReplication.sol";
import {IReputation} from "../contracts/interfaces/IReputation.sol";
import {BondParams} from "../contracts/interfaces/IServingBonds.sol";
import {IStakeVault} from "../contracts/interfaces/IStakeVault.sol";
import {Artifacts} from "./Artifacts.sol";

/// @title The contracts as they are deployed: `Shipped.stakeVault(…)` where `new` would compile others
/// @notice Parameters are the constructors', as tests/devnet/test_shipped.py holds; a new contract has its function here.
library Shipped {
    function assetRegistry() internal returns (AssetRegistry) {
        return AssetRegistry(Artifacts.create("AssetRegistry", ""));
    }

    function assetSale(IERC20 token_, ICreditSource[] memory sources_) internal returns (AssetSale) {
        return AssetSale(Artifacts.create("AssetSale", abi.encode(token_, sources_)));
    }

    function attesterSet(
        IERC20 token_,
        address verifier_,
        address governance_,
        uint128 minStake_,
        uint48 unbondingPeriod_
    ) internal returns (AttesterSet) {
        return AttesterSet(
            Artifacts.create("AttesterSet", abi.encode(token_, verifier_, governance_, minStake_, unbondingPeriod_))
        );
    }

    function auditRewards(
        IERC20 token_,
        IJobMarket market_,
        IDisputeGame game_,
        IStakeVault vault_,
        AuditParams memory params_
    ) internal returns (AuditRewards) {
        return AuditRewards(Artifacts.create("AuditRewards", abi.encode(token_, market_, game_, vault_, params_)));
    }

    function batchAuction(ILeases market_, IStakeVault vault_, IProviders providers_) internal returns (BatchAuction) {
        return BatchAuction(Artifacts.create("BatchAuction", abi.encode(market_, vault_, providers_)));
    }

    function contentKeys(IAssetRegistry registry_) internal returns (ContentKeys) {
        return ContentKeys(Artifacts.create("ContentKeys", abi.encode(registry_)));
    }

    function delivery(IJobMarket market_) internal returns (Delivery) {
        return Delivery(Artifacts.create("Delivery", abi.encode(market_)));
    }

    function deployer() internal returns (Deployer) {
        return Deployer(Artifacts.create("Deployer", ""));
    }

    function commitRevealBeacon(IERC20 token_, uint32 length_, uint128 deposit_) internal returns (CommitRevealBeacon) {
        return CommitRevealBeacon(Artifacts.create("CommitRevealBeacon", abi.encode(token_, length_, deposit_)));
    }

    function disputeGame(
        IERC20 token_,
        IJobMarket market_,
        IFaultProofs proofs_,
        IReplication replication_,
        GameParams memory params_
    ) internal returns (DisputeGame) {
        return DisputeGame(Artifacts.create("DisputeGame", abi.encode(token_, market_, proofs_, replication_, params_)));
    }

    function encryptionKeys() internal returns (EncryptionKeys) {
        return EncryptionKeys(Artifacts.create("EncryptionKeys", ""));
    }

    function faultProofs() internal returns (FaultProofs) {
        return FaultProofs(Artifacts.create("FaultProofs", ""));
    }

    function feeShares(address governor_, uint16 treasuryBps, uint16 stakersBps) internal returns (FeeShares) {
        return FeeShares(Artifacts.create("FeeShares", abi.encode(governor_, treasuryBps, stakersBps)));
    }

    function jobMarket(
        IERC20 token_,
        IAssetRegistry registry_,
        IStakeVault vault_,
        Modules memory modules,
        address[6] memory verifiers,
        Params memory params_
    ) internal returns (JobMarket) {
        return JobMarket(
            Artifacts.create("JobMarket", abi.encode(token_, registry_, vault_, modules, verifiers, params_))
        );
    }

    function licenceShop(IMarketParts market_, ILicenceToken licences_, IContentKeys contentKeys_)
        internal
        returns (LicenceShop)
    {
        return LicenceShop(Artifacts.create("LicenceShop", abi.encode(market_, licences_, contentKeys_)));
    }

    function licenceToken(IERC20 token_, IAssetRegistry registry_, address shop_) internal returns (LicenceToken) {
        return LicenceToken(Artifacts.create("LicenceToken", abi.encode(token_, registry_, shop_)));
    }

    function marketToken(address holder, uint256 supply) internal returns (MarketToken) {
        return MarketToken(Artifacts.create("MarketToken", abi.encode(holder, supply)));
    }

    function paymentChannels(
        IERC20 token_,
        IAssetRegistry registry_,
        IFeeShares feeShares_,
        address vault_,
        address treasury_,
        uint16 protocolFeeBps_
    ) internal returns (PaymentChannels) {
        return PaymentChannels(
            Artifacts.create(
                "PaymentChannels", abi.encode(token_, registry_, feeShares_, vault_, treasury_, protocolFeeBps_)
            )
        );
    }

    function providers(IReputation reputation_) internal returns (Providers) {
        return Providers(Artifacts.create("Providers", abi.encode(reputation_)));
    }

    function quoteProofs(Vendor memory vendor, Vendor memory simulated) internal returns (QuoteProofs) {
        return QuoteProofs(Artifacts.create("QuoteProofs", abi.encode(vendor, simulated)));
    }

    function replication(
        IERC20 token_,
        IJobMarket market_,
        IDisputeGame game_,
        IRandomness beacon_,
        ReplicationParams memory params_
    ) internal returns (Replication) {
        return Replication(Artifacts.create("Replication", abi.encode(token_, market_, game_, beacon_, params_)));
    }

    function reputation(address market_) internal returns (Reputation) {
        return Reputation(Artifacts.create("Reputation", abi.encode(market_)));
    }

    function servingBonds(IERC20 token_, IJobMarket market_, IPaymentChannels channels_, BondParams memory params_)
        internal
        returns (ServingBonds)
    {
        return ServingBonds(Artifacts.create("ServingBonds", abi.encode(token_, market_, channels_, params_)));
    }

    function stakeVault(IERC20 token_, address market_, address batch_, uint64 unbondingPeriod_)
        internal
        returns (StakeVault)
    {
        return StakeVault(Artifacts.create("StakeVault", abi.encode(token_, market_, batch_, unbondingPeriod_)));
    }

    function teeVerifier(
        IERC20 token_,
        IJobMarket market_,
        IAttesterSet attesters_,
        IQuoteProofs proofs_,
        TeeParams memory params_
    ) internal returns (TeeVerifier) {
        return TeeVerifier(Artifacts.create("TeeVerifier", abi.encode(token_, market_, attesters_, proofs_, params_)));
    }

    function unverified(IERC20 token_, IJobMarket market_, uint128 deposit_, uint32 answerWindow_)
        internal
        returns (Unverified)
    {
        return Unverified(Artifacts.create("Unverified", abi.encode(token_, market_, deposit_, answerWindow_)));
    }

    function zkVerifier(address halo2_, uint256[8] memory srsPoints_) internal returns (ZkVerifier) {
        return ZkVerifier(Artifacts.create("ZkVerifier", abi.encode(halo2_, srsPoints_)));
    }
}
