terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # As in the module of the functions.
      version = ">= 5.67.0"
    }
  }
}
