{# What every statement of dbt says of itself. On BigQuery these become labels of its job, so that a
   bill can be told by model: the same words as in ops.query_costs. #}
{% macro query_comment(node) -%}
    {%- set told = fromjson(env_var('DBT_BIGQUERY_LABELS', '{"app": "market-assets"}')) -%}
    {%- if node -%}
        {%- do told.update({
            'label': {'model': 'mart', 'test': 'check'}.get(node.resource_type, node.resource_type),
            'asset': 'marts.' ~ (node.attached_node or node.name).split('.')[-1],
        }) -%}
    {%- endif -%}
    {{ return(tojson(told)) }}
{%- endmacro %}
