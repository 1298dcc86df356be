// SPDX-License-Identifier: Apache-2.0
/* The words of bucket policies that the server knows: actions by what they are about, condition keys and operators. */

/** About the bucket itself: arn:aws:s3:::bucket. */
export const BUCKET_ACTIONS = (
  'CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite ' +
  'GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging ' +
  'GetBucketMetadataTableConfiguration GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy ' +
  'GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite ' +
  'GetEncryptionConfiguration GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration ' +
  'GetReplicationConfiguration ListBucket ListBucketMultipartUploads ListBucketVersions ListTagsForResource PutAccelerateConfiguration ' +
  'PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration ' +
  'PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite ' +
  'PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration PutMetricsConfiguration ' +
  'PutReplicationConfiguration TagResource UntagResource UpdateBucketMetadataAnnotationTableConfiguration ' +
  'UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration'
).split(' ');

/** About objects: arn:aws:s3:::bucket/key. */
export const OBJECT_ACTIONS = (
  'AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectAnnotation DeleteObjectTagging DeleteObjectVersion ' +
  'DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAnnotation GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging ' +
  'GetObjectTorrent GetObjectVersion GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication GetObjectVersionTagging ' +
  'GetObjectVersionTorrent InitiateReplication ListMultipartUploadParts ListObjectAnnotations ObjectOwnerOverrideToBucketOwner PutObject PutObjectAcl ' +
  'PutObjectAnnotation PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging ReplicateDelete ' +
  'ReplicateObject ReplicateTags RestoreObject UpdateObjectEncryption'
).split(' ');

/** "name:kind"; one that ends with a slash goes on with a tag's key. */
const KEYS = (
  'aws:SourceIp=IP aws:SecureTransport=BOOL aws:CurrentTime=DATE aws:EpochTime=DATE aws:UserAgent=STRING aws:Referer=STRING aws:RequestedRegion=STRING ' +
  'aws:username=STRING aws:userid=STRING aws:PrincipalArn=ARN aws:PrincipalAccount=STRING aws:PrincipalType=STRING aws:PrincipalTag/=TAG ' +
  'aws:PrincipalOrgID=STRING aws:PrincipalOrgPaths=LIST aws:PrincipalIsAWSService=BOOL aws:PrincipalServiceName=STRING ' +
  'aws:PrincipalServiceNamesList=LIST aws:ResourceAccount=STRING aws:ResourceTag/=TAG aws:ResourceOrgID=STRING aws:ResourceOrgPaths=LIST ' +
  'aws:RequestTag/=TAG aws:TagKeys=LIST aws:TokenIssueTime=DATE aws:MultiFactorAuthPresent=BOOL aws:MultiFactorAuthAge=NUMERIC ' +
  'aws:FederatedProvider=STRING aws:SourceIdentity=STRING aws:SourceArn=ARN aws:SourceAccount=STRING aws:SourceOwner=STRING aws:SourceOrgID=STRING ' +
  'aws:SourceOrgPaths=LIST aws:SourceVpc=STRING aws:SourceVpce=STRING aws:VpcSourceIp=IP aws:ViaAWSService=BOOL aws:CalledVia=LIST ' +
  'aws:CalledViaFirst=STRING aws:CalledViaLast=STRING s3:authType=STRING s3:signatureversion=STRING s3:signatureAge=NUMERIC s3:TlsVersion=NUMERIC ' +
  's3:x-amz-content-sha256=STRING s3:ResourceAccount=STRING s3:DataAccessPointArn=ARN s3:DataAccessPointAccount=STRING ' +
  's3:AccessPointNetworkOrigin=STRING s3:BucketTag/=TAG s3:prefix=STRING s3:delimiter=STRING s3:max-keys=NUMERIC s3:locationconstraint=STRING ' +
  's3:x-amz-object-ownership=STRING s3:x-amz-bucket-namespace=STRING s3:x-amz-acl=STRING s3:x-amz-grant-read=STRING s3:x-amz-grant-write=STRING ' +
  's3:x-amz-grant-read-acp=STRING s3:x-amz-grant-write-acp=STRING s3:x-amz-grant-full-control=STRING s3:x-amz-copy-source=STRING ' +
  's3:x-amz-metadata-directive=STRING s3:x-amz-website-redirect-location=STRING s3:x-amz-storage-class=STRING s3:x-amz-server-side-encryption=STRING ' +
  's3:x-amz-server-side-encryption-aws-kms-key-id=ARN s3:x-amz-server-side-encryption-customer-algorithm=STRING s3:RequestObjectTag/=OBJECT_TAG ' +
  's3:RequestObjectTagKeys=LIST s3:ExistingObjectTag/=OBJECT_TAG s3:versionid=STRING s3:object-lock-mode=STRING s3:object-lock-retain-until-date=DATE ' +
  's3:object-lock-remaining-retention-days=NUMERIC s3:object-lock-legal-hold=STRING s3:if-match=STRING s3:if-none-match=STRING ' +
  's3:ObjectCreationOperation=BOOL s3:InventoryAccessibleOptionalFields=LIST'
).split(' ');

export const CONDITION_KEYS: ReadonlyMap<string, string> = new Map(KEYS.map((k) => k.split('=') as [string, string]));

export const OPERATORS = (
  'StringEquals StringNotEquals StringEqualsIgnoreCase StringNotEqualsIgnoreCase StringLike StringNotLike NumericEquals NumericNotEquals ' +
  'NumericLessThan NumericLessThanEquals NumericGreaterThan NumericGreaterThanEquals DateEquals DateNotEquals DateLessThan DateLessThanEquals ' +
  'DateGreaterThan DateGreaterThanEquals Bool BinaryEquals IpAddress NotIpAddress ArnEquals ArnLike ArnNotEquals ArnNotLike Null'
).split(' ');
