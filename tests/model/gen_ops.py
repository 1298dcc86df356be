#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes server/ops_model.def: every operation of S3 as botocore's model has it, and how a request selects it.

    gen_ops.py > server/ops_model.def

Methods, paths, query parameters, headers and required digests come from the model. The IAM actions do not: they are the table below,
from the Service Authorization Reference, for all operations whose action is not simply "s3:" and the operation's name.
"""
import sys

import botocore.loaders

ACTIONS = {
    'CompleteMultipartUpload': 's3:PutObject',
    'CopyObject': 's3:PutObject',
    'CreateBucketMetadataConfiguration': 's3:CreateBucketMetadataTableConfiguration',
    'CreateMultipartUpload': 's3:PutObject',
    'CreateSession': 's3express:CreateSession',
    'DeleteBucketCors': 's3:PutBucketCORS',
    'DeleteBucketEncryption': 's3:PutEncryptionConfiguration',
    'DeleteBucketLifecycle': 's3:PutLifecycleConfiguration',
    'DeleteBucketMetadataConfiguration': 's3:DeleteBucketMetadataTableConfiguration',
    'DeleteBucketOwnershipControls': 's3:PutBucketOwnershipControls',
    'DeleteBucketReplication': 's3:PutReplicationConfiguration',
    'DeleteBucketTagging': 's3:PutBucketTagging',
    'DeleteObjects': 's3:DeleteObject',
    'DeletePublicAccessBlock': 's3:PutBucketPublicAccessBlock',
    'GetBucketAccelerateConfiguration': 's3:GetAccelerateConfiguration',
    'GetBucketCors': 's3:GetBucketCORS',
    'GetBucketEncryption': 's3:GetEncryptionConfiguration',
    'GetBucketLifecycle': 's3:GetLifecycleConfiguration',
    'GetBucketLifecycleConfiguration': 's3:GetLifecycleConfiguration',
    'GetBucketMetadataConfiguration': 's3:GetBucketMetadataTableConfiguration',
    'GetBucketNotificationConfiguration': 's3:GetBucketNotification',
    'GetBucketReplication': 's3:GetReplicationConfiguration',
    'GetObjectLockConfiguration': 's3:GetBucketObjectLockConfiguration',
    'GetPublicAccessBlock': 's3:GetBucketPublicAccessBlock',
    'HeadBucket': 's3:ListBucket',
    'HeadObject': 's3:GetObject',
    'ListBuckets': 's3:ListAllMyBuckets',
    'ListDirectoryBuckets': 's3express:ListAllMyDirectoryBuckets',
    'ListMultipartUploads': 's3:ListBucketMultipartUploads',
    'ListObjectVersions': 's3:ListBucketVersions',
    'ListObjects': 's3:ListBucket',
    'ListObjectsV2': 's3:ListBucket',
    'ListParts': 's3:ListMultipartUploadParts',
    'PutBucketAccelerateConfiguration': 's3:PutAccelerateConfiguration',
    'PutBucketCors': 's3:PutBucketCORS',
    'PutBucketEncryption': 's3:PutEncryptionConfiguration',
    'PutBucketLifecycle': 's3:PutLifecycleConfiguration',
    'PutBucketLifecycleConfiguration': 's3:PutLifecycleConfiguration',
    'PutBucketNotificationConfiguration': 's3:PutBucketNotification',
    'PutBucketReplication': 's3:PutReplicationConfiguration',
    'PutObjectLockConfiguration': 's3:PutBucketObjectLockConfiguration',
    'PutPublicAccessBlock': 's3:PutBucketPublicAccessBlock',
    'RenameObject': 's3express:CreateSession',
    'SelectObjectContent': 's3:GetObject',
    'UploadPart': 's3:PutObject',
    'UploadPartCopy': 's3:PutObject',
    'WriteGetObjectResponse': 's3-object-lambda:WriteGetObjectResponse',
}
for kind in 'Analytics', 'IntelligentTiering', 'Inventory', 'Metrics':  # one action to read, one to write
    ACTIONS[f'GetBucket{kind}Configuration'] = ACTIONS[f'ListBucket{kind}Configurations'] = f's3:Get{kind}Configuration'
    ACTIONS[f'PutBucket{kind}Configuration'] = ACTIONS[f'DeleteBucket{kind}Configuration'] = f's3:Put{kind}Configuration'

DIRECTORY = {'CreateSession', 'ListDirectoryBuckets', 'RenameObject'}
LAMBDA = {'WriteGetObjectResponse'}

HEAD = '''\
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every operation of S3, as an X-macro: how a request selects it and which action it needs. Written by tests/model/gen_ops.py from
 * botocore {version}; checked by tests/model/check_ops.py. Do not edit.
 *
 * S3_MODEL_OP(name, method, level, query, query2, header, action, digest, kind)
 *   level   SERVICE, BUCKET or OBJECT: what the path names
 *   query   a parameter that must be there ("tagging"), or a parameter with its value ("list-type=2"); NULL: none
 *   header  a header that must be there; NULL: none
 *   A request may fit several rows; the one that asks for more (query, query2, header) is meant.
 *   action  the IAM action that it always needs; others may be needed besides
 *   digest  the body needs Content-MD5 or a checksum
 *   kind    PLAIN; OLD: an older name of an operation that another row selects the same way; DIRECTORY: of directory buckets only;
 *           LAMBDA: of Object Lambda only
 */
'''


def load():
    return botocore.loaders.Loader().load_service_model('s3', 'service-2')


def kind_of(name, operation):
    if operation.get('deprecated'):
        return 'OLD'
    return 'DIRECTORY' if name in DIRECTORY else 'LAMBDA' if name in LAMBDA else 'PLAIN'


def required(model, operation):
    """Names of the query parameters and headers that a request must have by the model, besides those in its path."""
    shape = model['shapes'].get(operation.get('input', {}).get('shape'), {})
    members = [shape['members'][name] for name in shape.get('required', [])]
    return ([m['locationName'] for m in members if m.get('location') == 'querystring'],
            [m['locationName'] for m in members if m.get('location') == 'header'])


def base_selector(operation):
    path, _, query = operation['http']['requestUri'].partition('?')
    level = 'OBJECT' if '{Key' in path else 'BUCKET' if '{Bucket' in path else 'SERVICE'
    return operation['http']['method'], level, tuple(query.split('&')) if query else ()


def rows(model):
    """One tuple for each operation, in the order of the columns."""
    operations = model['operations']
    for name in sorted(operations):
        operation = operations[name]
        base = base_selector(operation)
        queries, headers = list(base[2]), []
        shared = [other for other in operations if other != name and base_selector(operations[other]) == base and
                  kind_of(other, operations[other]) == kind_of(name, operation) == 'PLAIN']
        # A parameter in the path that no other operation has selects alone, even if others are required.
        if shared or not base[2]:
            more_queries, headers = required(model, operation)
            queries += sorted(more_queries)
        if len(queries) > 2:
            raise SystemExit(f'{name} has more than two parameters: {queries}')
        action = ACTIONS.get(name, f's3:{name}')
        digest = operation.get('httpChecksum', {}).get('requestChecksumRequired', False)
        queries += [None, None]
        yield (name, *base[:2], *queries[:2], headers[0] if headers else None, action, digest, kind_of(name, operation))


def cell(value):
    return 'NULL' if value is None else f'"{value}"'


def render(model):
    lines = []
    for name, method, level, query, query2, header, action, digest, kind in rows(model):
        lines.append(f'S3_MODEL_OP({name}, {method}, {level}, {cell(query)}, {cell(query2)}, {cell(header)}, "{action}", '
                     f'{str(digest).lower()}, {kind})\n')
    return HEAD.replace('{version}', botocore.__version__) + ''.join(lines)


if __name__ == '__main__':
    sys.stdout.write(render(load()))
