"""The pages' addresses."""

from django.urls import path

from portal.web.views import accounts, administration, functions, invocations, ledger, money, providers, running, start

app_name = "web"
urlpatterns = [
    path("", start.start, name="start"),
    path("sign-up", accounts.sign_up, name="sign_up"),
    path("sign-in", accounts.sign_in, name="sign_in"),
    path("sign-out", accounts.sign_out, name="sign_out"),
    path("account", accounts.account, name="account"),
    path("account/password", accounts.change_password, name="change_password"),
    path("account/time-zone", accounts.set_time_zone, name="set_time_zone"),
    path("account/roles", accounts.ask_role, name="ask_role"),
    path("tokens", accounts.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke", accounts.revoke_token, name="revoke_token"),
    path("functions", functions.functions, name="functions"),
    path("new-function", functions.new_function, name="new_function"),
    path("cost-example", functions.live_example, name="live_example"),
    path("functions/<slug:name>", functions.function, name="function"),
    path("functions/<slug:name>/new-version", functions.new_version, name="new_version"),
    path("functions/<slug:name>/versions/<int:number>", functions.version, name="version"),
    path("functions/<slug:name>/publish", functions.publish, name="publish"),
    path("functions/<slug:name>/roll-back", functions.roll_back, name="roll_back"),
    path("functions/<slug:name>/stop", functions.stop, name="stop"),
    path("functions/<slug:name>/start", functions.start, name="start_function"),
    path("functions/<slug:name>/delete", functions.delete, name="delete"),
    path("functions/<slug:name>/run", running.run, name="run"),
    path("functions/<slug:name>/invocations", invocations.of_function, name="function_invocations"),
    path("invocations", invocations.invocations, name="invocations"),
    path("invocations/<uuid:invocation_id>", invocations.invocation, name="invocation"),
    path("providers", providers.providers, name="providers"),
    path("new-machine", providers.new_machine, name="new_machine"),
    path("providers/<uuid:provider_id>", providers.provider, name="provider"),
    path("providers/<uuid:provider_id>/revoke", providers.revoke, name="revoke"),
    path("money", money.money, name="money"),
    path("money/deposit", money.deposit, name="deposit"),
    path("ledger", ledger.blocks, name="blocks"),
    path("ledger/blocks/<int:number>", ledger.block, name="block"),
    path("ledger/transactions/<slug:transaction_id>", ledger.transaction, name="transaction"),
    path("ledger/jobs/<slug:job_id>", ledger.job, name="ledger_job"),
    path("ledger/accounts/<uuid:account_id>", ledger.account, name="ledger_account"),
    path("administration", administration.overview, name="administration"),
    path("administration/providers", administration.all_providers, name="all_providers"),
    path("administration/roles/<int:grant_id>", administration.decide_role, name="decide_role"),
    path("administration/top-up", administration.top_up, name="top_up"),
]
