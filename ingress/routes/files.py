"""`/v1/files`: what clients upload for batches and what batches make, as OpenAI's Files API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from ingress.http.connection import Connection
from ingress.http.exchange import Exchange
from ingress.http.form import FORM_TYPE, read_form
from ingress.http.query import number, word, word_of
from ingress.http.replies import json_response
from ingress.intake.context import Context
from ingress.intake.files import Files
from ingress.intake.upload_form import too_large
from ingress.openapi import file_examples
from ingress.openapi.errors import QUEUE
from ingress.openapi.file_parameters import AFTER_FILE, FILE, FILE_LIMIT, MAX_LIMIT, ORDER, PURPOSE, UPLOAD
from ingress.openapi.headers import IGNORED
from ingress.openapi.known_query import check_query
from ingress.openapi.operation import Body, Example, Media, Operation, Reply, Tag, described
from penstock.answers.file_object import DeletedFile, FileList, FileObject, file_list, file_object
from penstock.errors import FormExpectedError, NotFoundError, UnsupportedCodingError
from penstock.files.file import Purpose

if TYPE_CHECKING:
    from penstock.files.file import File

#: What a form may have besides its file: fields and heads of parts.
_FORM_BYTES = 1 << 20
_FILE = Media(schema=FileObject, examples={"file": Example("A file", file_examples.FILE)})

router = APIRouter(prefix="/v1/files")


@router.post("")
@described(
    Operation(
        id="uploadFile",
        tag=Tag.FILES,
        summary="Upload a file",
        description=(
            "It is stored as it comes, and is there when this answers: as a whole, or, where anything goes wrong, not "
            "at all."
        ),
        body=Body(
            description="A form with the file.",
            kind=FORM_TYPE,
            schema=UPLOAD,
            examples={"batch": Example("The requests of a batch", file_examples.UPLOAD)},
        ),
        replies=(Reply(description="The file.", media=(_FILE,), headers=(IGNORED,)),),
        errors=(FormExpectedError, UnsupportedCodingError, *QUEUE),
    )
)
async def upload(request: Request) -> Response:
    """Store a file as it comes."""
    context, limits = Context.of(request), Context.of(request).settings
    files = of(request)
    # Who sends more than a file may have is to read why.
    Connection.of(request.scope).discard_up_to(limits.files.max_bytes)
    form = read_form(
        request, limits.ingress, limits.files.max_bytes + _FORM_BYTES, too_large(context.settings.files.max_bytes)
    )
    file, asked = await files.upload(form)
    Exchange.of(request).ignored = asked.ignored
    return json_response(request, file_object(file))


@router.api_route("", methods=["GET", "HEAD"])
@described(
    Operation(
        id="listFiles",
        tag=Tag.FILES,
        summary="List files",
        description="The caller's.",
        parameters=(PURPOSE, FILE_LIMIT, ORDER, AFTER_FILE),
        replies=(
            Reply(
                description="A page.",
                media=(Media(schema=FileList, examples={"list": Example("One", file_examples.FILES)}),),
            ),
        ),
        errors=QUEUE,
    )
)
async def list_files(request: Request) -> Response:
    """The caller's, the newest first unless asked otherwise."""
    owned = of(request)
    check_query(request)
    query = request.query_params
    page = await owned.page(
        word_of(Purpose, "purpose", query["purpose"]) if "purpose" in query else None,
        newest_first=word(request, "order", ("desc", "asc")) == "desc",
        after=query.get("after"),
        limit=number(request, "limit", MAX_LIMIT, 1, MAX_LIMIT),
    )
    return json_response(request, file_list(page.files, has_more=page.has_more))


@router.api_route("/{file_id}", methods=["GET", "HEAD"])
@described(
    Operation(
        id="retrieveFile",
        tag=Tag.FILES,
        summary="Look a file up",
        parameters=(FILE,),
        replies=(Reply(description="The file.", media=(_FILE,)),),
        errors=(NotFoundError, *QUEUE),
    )
)
async def retrieve(request: Request, file_id: str) -> Response:
    """One of them."""
    return json_response(request, file_object(await of(request).get(file_id)))


@router.delete("/{file_id}")
@described(
    Operation(
        id="deleteFile",
        tag=Tag.FILES,
        summary="Delete a file",
        description="It is gone when this answers.",
        parameters=(FILE,),
        replies=(
            Reply(
                description="It is no more.",
                media=(Media(schema=DeletedFile, examples={"deleted": Example("Deleted", file_examples.DELETED)}),),
            ),
        ),
        errors=(NotFoundError, *QUEUE),
    )
)
async def delete(request: Request, file_id: str) -> Response:
    """Delete one."""
    deleted: File = await of(request).delete(file_id)
    return json_response(request, DeletedFile(id=deleted.id, object="file", deleted=True))


def of(request: Request) -> Files:
    """The caller's. Raises UnauthorizedError."""
    context = Context.of(request)
    return Files(context.broker, context.storage, context.caller(request).tenant, context.settings.files)
