terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The first version with aws_lambda_function_recursion_config.
      version = ">= 5.67.0"
    }
  }
}
