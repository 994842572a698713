"""Whom a request is about: nobody decides on money, keys or jobs of their own."""

from portal.accounts.models import Account
from portal.books.models import LedgerJob
from portal.governance.content import Decision
from portal.governance.models import GovernedRequest


def is_party(person: Account, request: GovernedRequest) -> bool:
    """Return whether a request is about the person's own account, or a job that it pays for or is paid for."""
    content = request.content
    if isinstance(content, Decision):
        return is_party_of_job(person, content.job_id)
    return content.account_id == str(person.id)


def is_party_of_job(person: Account, job_id: str) -> bool:
    """Return whether a job is paid by the person's account, or to it."""
    job = LedgerJob.objects.filter(id=job_id).first()
    return job is not None and str(person.id) in {str(job.developer_id), job.record.get("account_id")}
