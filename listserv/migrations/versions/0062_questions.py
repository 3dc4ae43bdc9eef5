"""Events and polls: a question to the members of a list, and their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add three tables that begin empty."""
    op.create_table(
        "question",
        sa.Column("id", _Id, primary_key=True),
        sa.Column("list_id", sa.Integer(), sa.ForeignKey("list.id"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("host", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.String(120), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("starts", sa.Double(), nullable=True),
        sa.Column("ends", sa.Double(), nullable=True),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("place", sa.String(300), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("until", sa.Double(), nullable=True),
        sa.Column("electorate", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("created", sa.Double(), nullable=False),
        sa.Column("opened", sa.Double(), nullable=True),
        sa.Column("closed", sa.Double(), nullable=True),
        sa.Column("reminded", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("host_told", sa.Boolean(), nullable=False, server_default=sa.false()),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_question_list", "question", ["list_id", "id"])
    op.create_table(
        "question_answer",
        sa.Column("id", _Id, primary_key=True),
        sa.Column(
            "question_id", _Id, sa.ForeignKey("question.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column(
            "membership_id", _Id, sa.ForeignKey("membership.id", ondelete="SET NULL"), nullable=True
        ),
        sa.Column("voice", sa.LargeBinary(16), nullable=True),
        sa.Column("answer", sa.String(80), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("since", sa.Double(), nullable=False),
        sa.UniqueConstraint("question_id", "membership_id"),
        sa.UniqueConstraint("question_id", "voice"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_question_answer_membership_id", "question_answer", ["membership_id"])
    op.create_table(
        "question_elector",
        sa.Column(
            "question_id", _Id, sa.ForeignKey("question.id", ondelete="CASCADE"), primary_key=True,
            autoincrement=False,
        ),
        sa.Column(
            "membership_id", _Id, sa.ForeignKey("membership.id", ondelete="CASCADE"),
            primary_key=True, autoincrement=False,
        ),
        sa.Column("voted", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_question_elector_membership_id", "question_elector", ["membership_id"])
