#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the server's XML documents with botocore's model of S3, both ways.

    check_documents.py path/to/xml_samples

Answers: what the tables render is read by botocore's own parser; the result must be what the document says, no element may be
unknown to the model, and every member of the model must occur. Requests: what botocore's own serializer writes, with every member of
the model filled, must survive parsing and rendering by the tables.
"""
import datetime
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.utils import parse_timestamp

NS = '{http://s3.amazonaws.com/doc/2006-03-01/}'
SERVICE = botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model('s3', 'service-2'), 's3')
failures = []


def fail(text):
    failures.append(text)
    print('FAIL', text)


def local(element):
    if not element.tag.startswith(NS):
        fail(f'{element.tag} is not in the namespace of S3')
    return element.tag.removeprefix(NS)


def value_of(shape, element, seen, path):
    """What botocore should make of the element, by the model alone."""
    if shape.type_name == 'structure':
        return struct_of(shape, element, seen, path)
    if shape.type_name == 'list':
        item = shape.member.serialization.get('name', 'member')
        names = {local(child) for child in element}
        if names - {item}:
            fail(f'{path}: unknown {names}')
        return [value_of(shape.member, child, seen, path) for child in element]
    text = element.text or ''
    if shape.type_name == 'timestamp':
        return parse_timestamp(text)
    if shape.type_name == 'boolean':
        return {'true': True, 'false': False}[text]
    if shape.type_name in ('integer', 'long'):
        return int(text)
    return text


def struct_of(shape, element, seen, path):
    result, known = {}, set()
    for name, member in shape.members.items():
        if 'location' in member.serialization:
            continue
        flat = member.type_name == 'list' and member.serialization.get('flattened')
        wire = member.serialization.get('name', name)
        if flat:
            wire = member.serialization.get('name') or member.member.serialization.get('name', name)
        known.add(wire)
        children = [child for child in element if local(child) == wire]
        if not children:
            continue
        seen.add(f'{path}.{name}')
        if flat:
            result[name] = [value_of(member.member, child, seen, f'{path}.{name}') for child in children]
        else:
            if len(children) > 1:
                fail(f'{path}.{name} occurs {len(children)} times')
            result[name] = value_of(member, children[0], seen, f'{path}.{name}')
    unknown = {local(child) for child in element} - known
    if unknown:
        fail(f'{path}: unknown to the model: {sorted(unknown)}')
    return result


def members_of(shape, path):
    """Every member that a body can hold, as dotted paths."""
    if shape.type_name == 'list':
        yield from members_of(shape.member, path)
    if shape.type_name == 'structure':
        for name, member in shape.members.items():
            if 'location' not in member.serialization:
                yield f'{path}.{name}'
                yield from members_of(member, f'{path}.{name}')


def body_shape(shape):
    payload = shape.serialization.get('payload')
    return (payload, shape.members[payload]) if payload else (None, shape)


def check_answer(operation, body, seen):
    output = SERVICE.operation_model(operation).output_shape
    parser = botocore.parsers.create_parser('rest-xml')
    parsed = parser.parse({'status_code': 200, 'headers': {}, 'body': body}, output)
    parsed.pop('ResponseMetadata')
    root = ET.fromstring(body)
    payload, shape = body_shape(output)
    if operation == 'GetBucketLocation':  # its root element is the member itself; botocore's client parses it by hand
        local(root)
        seen.add(f'{operation}.LocationConstraint')
        return
    expected = struct_of(shape, root, seen, operation)
    if payload:
        expected = {payload: expected}
    if parsed != expected:
        fail(f'{operation}: botocore reads {parsed}, the document says {expected}')


def check_answers(binary):
    text = subprocess.run([binary, 'render'], check=True, capture_output=True).stdout
    seen, operations = set(), set()
    while text:
        line, _, text = text.partition(b'\n')
        operation, length = line.decode().split()
        check_answer(operation, text[:int(length)], seen)
        operations.add(operation)
        text = text[int(length) + 1:]
    for operation in sorted(operations):
        _, shape = body_shape(SERVICE.operation_model(operation).output_shape)
        for member in members_of(shape, operation):
            if member not in seen:
                fail(f'{member} is in the model, but the table never renders it')
    return operations


def fill(shape, seed):
    if shape.type_name == 'structure':
        return {name: fill(member, seed * 31 + i) for i, (name, member) in enumerate(shape.members.items())
                if 'location' not in member.serialization}
    if shape.type_name == 'list':
        return [fill(shape.member, seed + i) for i in range(3)]
    if shape.type_name == 'timestamp':
        return datetime.datetime(2023, 11, 15, 12, 2, seed % 60, tzinfo=datetime.timezone.utc)
    if shape.type_name == 'boolean':
        return True
    if shape.type_name in ('integer', 'long'):
        return 1 + seed % 10000
    if shape.enum:
        return shape.enum[seed % len(shape.enum)]
    return f'"{seed}"' if shape.name == 'ETag' else f't{seed} <&> é' if shape.name == 'ObjectKey' else f't{seed}'


def canonical(element):
    children = {}
    for child in element:
        children.setdefault(child.tag.removeprefix(NS), []).append(canonical(child))
    return children or re.sub(r'^(\d{4}-.*T.*:\d\d)Z$', r'\1.000Z', element.text or '')  # times, whole seconds


def check_request(binary, operation, seed):
    model = SERVICE.operation_model(operation)
    payload, shape = body_shape(model.input_shape)
    params = {'Bucket': 'b', 'Key': 'k', 'UploadId': 'u', payload: fill(shape, seed)}
    params = {name: value for name, value in params.items() if name in model.input_shape.members}
    serializer = botocore.serialize.create_serializer('rest-xml', include_validation=False)
    body = serializer.serialize_to_request(params, model)['body']
    again = subprocess.run([binary, 'parse', operation], check=True, input=body, capture_output=True).stdout
    if again.startswith(b'error') or canonical(ET.fromstring(again)) != canonical(ET.fromstring(body)):
        fail(f'{operation}: {body} became {again}')


def check_errors(binary):
    body = subprocess.run([binary, 'error', 'NoSuchBucket'], check=True, capture_output=True).stdout
    parser = botocore.parsers.create_parser('rest-xml')
    parsed = parser.parse({'status_code': 404, 'headers': {}, 'body': body}, None)
    if parsed['Error'].get('BucketName') != 'a<b' or parsed['Error']['Code'] != 'NoSuchBucket':
        fail(f'error: {parsed}')
    for shape in SERVICE.shape_names:
        error = SERVICE.shape_for(shape)
        if not error.metadata.get('exception'):
            continue
        body = subprocess.run([binary, 'error', shape], check=True, capture_output=True).stdout
        if f'<Code>{error.metadata.get("error", {}).get("code", shape)}</Code>'.encode() not in body:
            fail(f'no error {shape}')


def main():
    binary = sys.argv[1]
    operations = check_answers(binary)
    requests = ['CreateBucket', 'PutBucketVersioning', 'PutBucketTagging', 'PutObjectTagging',
                'PutObjectLockConfiguration', 'PutObjectRetention', 'PutObjectLegalHold',
                'PutBucketAccelerateConfiguration', 'PutBucketRequestPayment', 'DeleteObjects',
                'PutBucketLifecycleConfiguration', 'PutBucketEncryption',
                'CompleteMultipartUpload']
    for operation in requests:
        for seed in range(5):
            check_request(binary, operation, seed)
    check_errors(binary)
    print(f'{len(operations)} answers and {len(requests)} requests compared, {len(failures)} failures')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
