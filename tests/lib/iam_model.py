# SPDX-License-Identifier: Apache-2.0
"""Replies of IAM and STS against botocore's model of the services.

watch(session) makes every client that the session makes from now on check each reply: no element that the shape does
not have, all members that it requires, values of its enumerations, `member` in lists, `entry` in maps. seen() is the
set of operations whose replies were checked.
"""
import xml.etree.ElementTree as tree

from botocore.model import OperationNotFoundError

_seen = set()
NAMESPACES = {"iam": "https://iam.amazonaws.com/doc/2010-05-08/", "sts": "https://sts.amazonaws.com/doc/2011-06-15/"}

# Root has none, and AWS leaves them out, too.
OF_ROOT = {("GetUser.User", "Path"), ("GetUser.User", "UserName"), ("CreateAccessKey.AccessKey", "UserName")}


def seen():
    return _seen


def watch(session):
    session.events.register("after-call.iam", _check)
    session.events.register("after-call.sts", _check)


def _check(http_response, model, **_):
    if http_response.status_code != 200:
        _check_error(http_response, model)
        return
    service = model.service_model.service_name
    space = "{" + NAMESPACES[service] + "}"
    root = tree.fromstring(http_response.content)
    _same(root.tag, f"{space}{model.name}Response", model.name)
    result = root.find(f"{space}{model.name}Result")
    _same((result is None), model.output_shape is None, f"{model.name}: <{model.name}Result>")
    _same([e.tag for e in root if e is not result], [space + "ResponseMetadata"], model.name)
    request_id = root.find(f"{space}ResponseMetadata/{space}RequestId").text
    _same(request_id, http_response.headers.get("x-amzn-RequestId"), "request id")
    if result is not None:
        check_shape(result, model.output_shape, space, model.name)
    _seen.add(model.name)


def _check_error(http_response, model):
    space = "{" + NAMESPACES[model.service_model.service_name] + "}"
    root = tree.fromstring(http_response.content)
    _same(root.tag, space + "ErrorResponse", model.name)
    _same(sorted(e.tag for e in root), [space + "Error", space + "RequestId"], model.name)
    _same([e.tag[len(space):] for e in root.find(space + "Error")], ["Type", "Code", "Message"], model.name)


def check_shape(element, shape, space, path):
    kind = shape.type_name
    if kind == "structure":
        names = [e.tag for e in element]
        known = {space + (m.serialization.get("name") or n): (n, m) for n, m in shape.members.items()}
        _same([n for n in names if n not in known], [], f"{path}: unknown elements")
        _same(len(names), len(set(names)), f"{path}: an element stands twice")
        missing = [n for n in shape.required_members if space + n not in names and (path, n) not in OF_ROOT]
        _same(missing, [], f"{path}: required members that are missing")
        for child in element:
            name, member = known[child.tag]
            check_shape(child, member, space, f"{path}.{name}")
    elif kind == "list":
        for child in element:
            _same(child.tag, space + "member", path)
            check_shape(child, shape.member, space, path + "[]")
    elif kind == "map":
        for child in element:
            _same((child.tag, [e.tag for e in child]), (space + "entry", [space + "key", space + "value"]), path)
            check_shape(child[0], shape.key, space, path + " key")
            check_shape(child[1], shape.value, space, path + " value")
    else:
        _same(len(element), 0, f"{path}: elements in a {kind}")
        text = element.text or ""
        enum = getattr(shape, "enum", None)
        # AWS itself answers "Policy" there.
        if enum and kind == "string" and not path.endswith((".SummaryMap key", ".PermissionsBoundaryType")):
            _same(text in enum, True, f"{path}: {text!r}")
        if kind == "boolean":
            _same(text in ("true", "false"), True, f"{path}: {text!r}")


def _same(found, wanted, what):
    if found != wanted:
        raise AssertionError(f"{what}: {found!r}, expected {wanted!r}")


def operations(session, service):
    """Its operations by name, as the model has them."""
    model = session._session.get_service_model(service)
    found = {}
    for name in model.operation_names:
        try:
            found[name] = model.operation_model(name)
        except OperationNotFoundError:
            pass
    return found
