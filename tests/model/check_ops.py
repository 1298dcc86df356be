#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Verifies server/ops_model.def against the installed botocore.

    check_ops.py [path/to/ops_model.def]

Its rows must be those that gen_ops.py makes of the model; no two may select the same request; and a request for each operation, made
by botocore's own serializer with nothing but what the model requires, must select that operation's row by the rule in the file's head.
"""
import pathlib
import re
import sys
import urllib.parse

import botocore.loaders
import botocore.model
import botocore.serialize

import gen_ops

DEF = pathlib.Path(__file__).resolve().parents[2] / 'server' / 'ops_model.def'
failures = []


def fail(text):
    failures.append(text)
    print('FAIL', text)


def read(path):
    def value(cell):
        return {'NULL': None, 'true': True, 'false': False}.get(cell, cell.strip('"'))
    return [tuple(value(cell) for cell in row.split(', '))
            for row in re.findall(r'^S3_MODEL_OP\((.*)\)$', path.read_text(), re.M)]


def check_model(found, model):
    expected = {row[0]: row for row in gen_ops.rows(model)}
    names = [row[0] for row in found]
    if len(names) != len(set(names)):
        fail('an operation stands twice')
    for name in sorted(set(expected) - set(names)):
        fail(f'{name} is in the model only')
    for row in found:
        if row[0] not in expected:
            fail(f'{row[0]} is not in the model')
        elif row != expected[row[0]]:
            fail(f'{row} should be {expected[row[0]]}')
    for name in sorted(set(gen_ops.ACTIONS) - set(expected)):
        fail(f'gen_ops.py names an action for {name}, which does not exist')


def check_selectors(found):
    plain = {}
    for row in found:
        if row[8] == 'PLAIN' and plain.setdefault(row[1:6], row) is not row:
            fail(f'{row[0]} and {plain[row[1:6]][0]} select the same request')
    for row in found:
        if row[8] == 'OLD' and (row[1:6] not in plain or plain[row[1:6]][6] != row[6]):
            fail(f'{row[0]} is old, but no other row has its selector and action')


def minimal(shape):
    if shape.type_name == 'structure':
        return {name: minimal(shape.members[name]) for name in shape.required_members}
    if shape.type_name == 'list':
        return [minimal(shape.member)]
    if shape.type_name == 'map':
        return {}
    return {'timestamp': 0, 'boolean': True, 'integer': 1, 'long': 1, 'blob': b''}.get(shape.type_name, 'x')


def request_of(operation):
    """Method, level, query and header names of a request as botocore makes it."""
    serializer = botocore.serialize.create_serializer('rest-xml', include_validation=False)
    params = minimal(operation.input_shape) if operation.input_shape else {}
    request = serializer.serialize_to_request(params, operation)
    path, _, inline = request['url_path'].partition('?')
    query = dict(urllib.parse.parse_qsl(inline, keep_blank_values=True))
    query.update({name: str(value) for name, value in request['query_string'].items()})
    level = ('SERVICE', 'BUCKET', 'OBJECT')[min(2, len([part for part in path.split('/') if part]))]
    if operation.name == 'WriteGetObjectResponse':  # its path is a name of its own, on a host of its own
        level = 'SERVICE'
    return request['method'], level, query, {name.lower() for name in request['headers']}


def fits(row, method, level, query, headers):
    def given(parameter):
        name, _, value = parameter.partition('=')
        return name in query and (not value or query[name] == value)
    return row[1:3] == (method, level) and all(given(q) for q in row[3:5] if q) and (not row[5] or row[5] in headers)


def check_requests(found, model):
    service = botocore.model.ServiceModel(model, 's3')
    rows = {row[0]: row for row in found}
    for name in service.operation_names:
        request = request_of(service.operation_model(name))
        fitting = [row for row in found if fits(row, *request)]
        most = max((sum(cell is not None for cell in row[3:6]) for row in fitting), default=0)
        chosen = [row for row in fitting if sum(cell is not None for cell in row[3:6]) == most]
        if name not in rows or rows[name] not in chosen:
            fail(f'{name}: {request} selects {[row[0] for row in chosen]}')
        elif len([row for row in chosen if row[8] == 'PLAIN']) > 1:
            fail(f'{name}: {request} selects several: {[row[0] for row in chosen]}')


def main():
    found = read(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else DEF)
    model = gen_ops.load()
    check_model(found, model)
    check_selectors(found)
    check_requests(found, model)
    print(f'{len(found)} operations, {len(failures)} failures')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
