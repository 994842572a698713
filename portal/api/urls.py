"""The addresses under /api/v1."""

from django.urls import path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from portal.api.views import accounts, decisions, functions, invocations, ledger, money, participants, providers
from portal.api.views.nowhere import Nowhere

app_name = "api"
urlpatterns = [
    path("account", accounts.Me.as_view()),
    path("account/roles", accounts.Roles.as_view()),
    path("account/balance", ledger.Balance.as_view()),
    path("account/statement", ledger.Statement.as_view()),
    path("account/own-key", participants.OwnKey.as_view()),
    path("account/statement.csv", money.StatementFile.as_view()),
    path("account/deposits", ledger.Deposits.as_view()),
    path("account/deposit-notices", money.DepositNotices.as_view()),
    path("account/withdrawals", money.Withdrawals.as_view()),
    path("account/transfers", money.Transfers.as_view()),
    path("account/requests", money.Requests.as_view()),
    path("account/requests/<uuid:request_id>", money.OneRequest.as_view()),
    path("tokens", accounts.Tokens.as_view()),
    path("tokens/<uuid:token_id>", accounts.Token.as_view()),
    path("role-requests", accounts.RoleRequests.as_view()),
    path("role-requests/<int:grant_id>/decision", accounts.RoleDecision.as_view()),
    path("functions", functions.Functions.as_view()),
    path("functions/<slug:name>", functions.OneFunction.as_view()),
    path("functions/<slug:name>/versions", functions.Versions.as_view()),
    path("functions/<slug:name>/versions/<int:number>", functions.Version.as_view()),
    path("functions/<slug:name>/publish", functions.Publish.as_view()),
    path("functions/<slug:name>/roll-back", functions.RollBack.as_view()),
    path("functions/<slug:name>/stop", functions.Stop.as_view()),
    path("functions/<slug:name>/start", functions.Start.as_view()),
    path("enrolment-codes", providers.Codes.as_view()),
    path("enrolments", providers.Enrolments.as_view()),
    path("providers", providers.Providers.as_view()),
    path("providers/<uuid:provider_id>", providers.OneProvider.as_view()),
    path("providers/<uuid:provider_id>/revoke", providers.Revoke.as_view()),
    path("invocations", invocations.Invocations.as_view()),
    path("invocations/<uuid:invocation_id>", invocations.OneInvocation.as_view()),
    path("ledger/jobs/<slug:job_id>", ledger.LedgerJob.as_view()),
    path("ledger/blocks", ledger.Blocks.as_view()),
    path("ledger/blocks/<int:number>", ledger.Block.as_view()),
    path("ledger/transactions/<slug:transaction_id>", ledger.Transaction.as_view()),
    path("ledger/accounts/<slug:account_id>", ledger.LedgerAccount.as_view()),
    path("ledger/operations", participants.SignedOperations.as_view()),
    re_path(r"^ledger/operations/(?P<operation_id>[A-Za-z0-9._:-]{1,160})$", ledger.Operation.as_view()),
    path("mints", decisions.Mints.as_view()),
    path("requests", decisions.GovernedRequests.as_view()),
    path("requests/<uuid:request_id>/approval", decisions.Approval.as_view()),
    path("requests/<uuid:request_id>/refusal", decisions.Refusal.as_view()),
    path("fees", decisions.Fees.as_view()),
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="openapi"),
    re_path(r"^", Nowhere.as_view()),
]
