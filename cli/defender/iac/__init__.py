"""Infrastructure-as-code in a package: which functions it declares, and what its packaging leaves out
(`defender.iac.packaging`).

Reads SAM and CloudFormation templates, samconfig.toml and the Serverless Framework's files. It runs
nothing, fetches nothing and writes nothing; CDK and Terraform programs are not read.
"""

from defender.iac.declared import declared_functions
from defender.iac.model import Declared, DeclaredFunction

__all__ = ["Declared", "DeclaredFunction", "declared_functions"]
