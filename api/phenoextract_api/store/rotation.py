"""A new encryption key for a store that holds data: everything is encrypted again, and the old key can go."""

from __future__ import annotations

from sqlalchemy import delete, inspect, select
from sqlalchemy.orm import Session

from phenoextract_api.store import audit
from phenoextract_api.store.engine import SERVICE, Store
from phenoextract_api.store.tables import ENCRYPTED, EncryptionKeyRow, RequestRow


def encrypt_again(store: Store, *, actor: str = SERVICE) -> int:
    """Encrypt everything under the first key, one request at a time, and give how many fields it was.

    Run it when every process of the service has the new key first and the old ones behind it; the old ones are not
    needed any more once it is done. Cut short, it can be run again. Idempotency keys of before are forgotten.
    """
    cipher, count = store.cipher, 0
    with store.reading() as session:
        request_ids = session.scalars(select(RequestRow.id)).all()
    for request_id in request_ids:
        with store.writing() as session:
            count += _encrypt_request(session, store, request_id)
    with store.writing() as session:
        audit.lock(session)
        session.execute(delete(EncryptionKeyRow).where(EncryptionKeyRow.id != cipher.key_ids[0]))
        audit.append(session, cipher, actor, "store.encrypt", after={"key": cipher.key_ids[0], "fields": count})
    return count


def _encrypt_request(session: Session, store: Store, request_id: str) -> int:
    cipher, count = store.cipher, 0
    request = session.get(RequestRow, request_id, with_for_update=True)
    if request is None:  # erased meanwhile
        return 0
    for table, columns in ENCRYPTED.items():
        owner = inspect(table).columns["id" if table is RequestRow else "request_id"]
        for row in session.scalars(select(table).where(owner == request_id)):
            for column in columns:
                sealed: bytes | None = getattr(row, column)
                if sealed is not None and not cipher.is_first_key(sealed):
                    setattr(row, column, cipher.encrypt(cipher.decrypt(sealed, row.place(column)), row.place(column)))
                    count += 1
    patient_ref = cipher.decrypt(request.patient_ref, request.place("patient_ref"))
    request.patient_digest = cipher.digest("patient", patient_ref)
    request.duplicate_digest = cipher.digest(*request.identity(patient_ref))
    return count
