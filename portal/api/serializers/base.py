"""What serializers have in common: rows are only read, and request forms are strict."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import uuid4

from django.db.models import Model
from rest_framework import serializers
from rest_framework.request import Request

M = TypeVar("M", bound=Model)


class RowView(serializers.ModelSerializer[M]):
    """A row as it is shown: nobody writes through it."""

    def get_extra_kwargs(self) -> dict[str, Any]:
        """Return what REST framework cannot see in the model."""
        return {name: {"read_only": True} for name in self.Meta.fields}


class Order(serializers.Serializer[Any]):
    """A request's body. A field that does not exist is an error, not ignored: it is a typing mistake or an attempt."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the checked values."""
        if isinstance(data, Mapping):
            unknown = sorted(str(name)[:64] for name in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return the checked values of a request's body.

        :raises ValidationError: naming every field that is wrong.
        """
        return cls._checked(request.data)

    @classmethod
    def read_query(cls, request: Request) -> dict[str, Any]:
        """Return the checked values of a request's address, after the `?`.

        :raises ValidationError: naming every one that is wrong.
        """
        return cls._checked(request.query_params.dict())

    @classmethod
    def _checked(cls, data: Any) -> dict[str, Any]:
        form = cls(data=data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)


class RepeatIdField(serializers.UUIDField):
    """The id of what is asked for; who wants to be able to repeat it makes one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default=uuid4, help_text="A repeat with the same id changes nothing.", **kwargs)
