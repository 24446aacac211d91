module "backups" {
  source = "../backups"
  name   = var.name
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-13-amd64-*"]
  }
}

resource "aws_key_pair" "operator" {
  key_name   = var.name
  public_key = var.ssh_key
}

data "aws_iam_policy_document" "instance" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "server" {
  name               = var.name
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

resource "aws_iam_role_policy" "backups" {
  name   = "backups"
  role   = aws_iam_role.server.id
  policy = module.backups.policy
}

resource "aws_iam_instance_profile" "server" {
  name = var.name
  role = aws_iam_role.server.name
}

# The data is on a volume of its own, which is kept when the machine is replaced.
resource "aws_ebs_volume" "data" {
  #checkov:skip=CKV_AWS_189:The key of the account encrypts it; a key of one's own protects from nothing more on one machine.
  availability_zone = aws_subnet.public.availability_zone
  size              = var.data_gb
  type              = "gp3"
  encrypted         = true
  tags              = { Name = "${var.name}-data" }
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_volume_attachment" "data" {
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data.id
  instance_id = aws_instance.server.id
}

resource "aws_instance" "server" {
  ami                         = data.aws_ami.debian.id
  instance_type               = var.instance_type
  subnet_id                   = aws_subnet.public.id
  vpc_security_group_ids      = [aws_security_group.single.id]
  iam_instance_profile        = aws_iam_instance_profile.server.name
  key_name                    = aws_key_pair.operator.key_name
  ebs_optimized               = true
  monitoring                  = true
  user_data_replace_on_change = true
  user_data = templatefile("${path.module}/cloud-init.yaml.tftpl", {
    hostname       = var.hostname
    release_url    = var.release_url
    release_sha256 = var.release_sha256
    target         = module.backups.target
    volume         = replace(aws_ebs_volume.data.id, "-", "")
    # Never without an element: nft 1.1.3 crashes where a set is emptied in the transaction that makes it.
    operators4 = join(", ", concat(["127.0.0.1"], [for each in var.operator_networks : each if !strcontains(each, ":")]))
    operators6 = join(", ", concat(["::1"], [for each in var.operator_networks : each if strcontains(each, ":")]))
  })
  metadata_options {
    http_tokens = "required"
    # Containers are one step further from the service that gives them the role's credentials.
    #checkov:skip=CKV_AWS_341:The server runs in a container of compose, and gets its credentials for S3 from the role.
    http_put_response_hop_limit = 2
  }
  root_block_device {
    encrypted   = true
    volume_size = 20
    volume_type = "gp3"
  }
  tags = { Name = var.name }
  lifecycle {
    ignore_changes = [ami] # a newer image of Debian is no reason to replace the machine
  }
}

resource "aws_eip" "server" {
  domain   = "vpc"
  instance = aws_instance.server.id
}

resource "aws_route53_record" "server" {
  for_each = toset(var.zone_id == "" ? [] : ["A", "AAAA"])
  zone_id  = var.zone_id
  name     = var.hostname
  type     = each.key
  ttl      = 60 # a replaced machine is found within a minute
  records  = each.key == "A" ? [aws_eip.server.public_ip] : aws_instance.server.ipv6_addresses
}

output "address" {
  description = "Address for the site's DNS record."
  value       = aws_eip.server.public_ip
}

output "backup_target" {
  description = "For backup.targets, and for chatserver restore."
  value       = module.backups.target
}
